// cuSOLVER, dense: LU, QR, Cholesky, singular values and eigenvalues, each checked by what defines it.
#include <cusolverDn.h>

#include <algorithm>

#include "library.h"

Values values;
constexpr double tolerance = 1e-10;

// A matrix by columns.
struct Matrix {
  int rows, columns;
  std::vector<double> data;
  Matrix(int rows, int columns) : rows(rows), columns(columns), data(rows * columns) {}
  Matrix(int rows, int columns, std::vector<double> data) : rows(rows), columns(columns), data(std::move(data)) {}
  double& operator()(int i, int j) { return data[j * rows + i]; }
  double operator()(int i, int j) const { return data[j * rows + i]; }
};

Matrix random_matrix(int rows, int columns) {
  Matrix made(rows, columns);
  for (double& x : made.data) x = values.next();
  return made;
}
Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.columns);
  for (int j = 0; j < c.columns; ++j)
    for (int k = 0; k < a.columns; ++k)
      for (int i = 0; i < c.rows; ++i) c(i, j) += a(i, k) * b(k, j);
  return c;
}
Matrix transposed(const Matrix& a) {
  Matrix t(a.columns, a.rows);
  for (int i = 0; i < a.rows; ++i)
    for (int j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  return t;
}
void same(const Matrix& a, const Matrix& b, const char* what) {
  for (size_t i = 0; i < a.data.size(); ++i) {
    if (near(a.data[i], b.data[i], tolerance)) continue;
    std::fprintf(stderr, "%s: %g instead of %g\n", what, a.data[i], b.data[i]);
    std::exit(1);
  }
}
void orthogonal(const Matrix& q, const char* what) {
  Matrix one(q.columns, q.columns);
  for (int i = 0; i < q.columns; ++i) one(i, i) = 1;
  same(transposed(q) * q, one, what);
}

class Solver {
 public:
  Solver() { WORKS(cusolverDnCreate(&handle_)); }
  ~Solver() { cusolverDnDestroy(handle_); }

  void lu(int n) {
    Matrix a = random_matrix(n, n), b = random_matrix(n, 3);
    Device<double> da(a.data), db(b.data);
    Device<int> pivots(n);
    int size = 0;
    WORKS(cusolverDnDgetrf_bufferSize(handle_, n, n, da, n, &size));
    Device<double> room(size + 1);
    WORKS(cusolverDnDgetrf(handle_, n, n, da, n, room, pivots, info_));
    succeeded();
    WORKS(cusolverDnDgetrs(handle_, CUBLAS_OP_N, n, 3, da, n, pivots, db, n, info_));
    succeeded();
    same(a * Matrix(n, 3, db.read()), b, "LU");
  }

  void cholesky(int n) {
    Matrix g = random_matrix(n, n), a = g * transposed(g), b = random_matrix(n, 2);
    for (int i = 0; i < n; ++i) a(i, i) += n;
    Device<double> da(a.data), db(b.data);
    int size = 0;
    WORKS(cusolverDnDpotrf_bufferSize(handle_, CUBLAS_FILL_MODE_LOWER, n, da, n, &size));
    Device<double> room(size + 1);
    WORKS(cusolverDnDpotrf(handle_, CUBLAS_FILL_MODE_LOWER, n, da, n, room, size, info_));
    succeeded();
    Matrix l(n, n, da.read());
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < j; ++i) l(i, j) = 0;
    same(l * transposed(l), a, "Cholesky");
    WORKS(cusolverDnDpotrs(handle_, CUBLAS_FILL_MODE_LOWER, n, 2, da, n, db, n, info_));
    succeeded();
    same(a * Matrix(n, 2, db.read()), b, "Cholesky's solution");
  }

  void qr(int m, int n) {
    Matrix a = random_matrix(m, n);
    Device<double> da(a.data), tau(n);
    int size = 0, other = 0;
    WORKS(cusolverDnDgeqrf_bufferSize(handle_, m, n, da, m, &size));
    WORKS(cusolverDnDorgqr_bufferSize(handle_, m, n, n, da, m, tau, &other));
    size = std::max(size, other);
    Device<double> room(size + 1);
    WORKS(cusolverDnDgeqrf(handle_, m, n, da, m, tau, room, size, info_));
    succeeded();
    Matrix factored(m, n, da.read()), r(n, n);
    for (int j = 0; j < n; ++j)
      for (int i = 0; i <= j; ++i) r(i, j) = factored(i, j);
    WORKS(cusolverDnDorgqr(handle_, m, n, n, da, m, tau, room, size, info_));
    succeeded();
    Matrix q(m, n, da.read());
    orthogonal(q, "Q of QR");
    same(q * r, a, "QR");
  }

  void singular_values(int m, int n) {
    Matrix a = random_matrix(m, n);
    Device<double> da(a.data), ds(n), du(m * m), dv(n * n);
    int size = 0;
    WORKS(cusolverDnDgesvd_bufferSize(handle_, m, n, &size));
    Device<double> room(size + 1);
    WORKS(cusolverDnDgesvd(handle_, 'S', 'S', m, n, da, m, ds, du, m, dv, n, room, size, nullptr, info_));
    succeeded();
    auto s = ds.read();
    auto all = du.read();
    Matrix u(m, n, {all.begin(), all.begin() + m * n}), v(n, n, dv.read());
    check_singular_values(a, u, s, v);
  }

  void jacobi(int m, int n) {
    Matrix a = random_matrix(m, n);
    Device<double> da(a.data), ds(n), du(m * n), dv(n * n);
    gesvdjInfo_t parameters;
    int size = 0;
    auto vectors = CUSOLVER_EIG_MODE_VECTOR;
    WORKS(cusolverDnCreateGesvdjInfo(&parameters));
    WORKS(cusolverDnDgesvdj_bufferSize(handle_, vectors, 1, m, n, da, m, ds, du, m, dv, n, &size, parameters));
    Device<double> room(size + 1);
    WORKS(cusolverDnDgesvdj(handle_, vectors, 1, m, n, da, m, ds, du, m, dv, n, room, size, info_, parameters));
    succeeded();
    check_singular_values(a, {m, n, du.read()}, ds.read(), transposed({n, n, dv.read()}));
    cusolverDnDestroyGesvdjInfo(parameters);
  }

  void eigenvalues(int n) {
    Matrix g = random_matrix(n, n), a(n, n);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) a(i, j) = g(i, j) + g(j, i);
    Device<double> da(a.data), dw(n);
    int size = 0;
    auto vectors = CUSOLVER_EIG_MODE_VECTOR;
    WORKS(cusolverDnDsyevd_bufferSize(handle_, vectors, CUBLAS_FILL_MODE_UPPER, n, da, n, dw, &size));
    Device<double> room(size + 1);
    WORKS(cusolverDnDsyevd(handle_, vectors, CUBLAS_FILL_MODE_UPPER, n, da, n, dw, room, size, info_));
    succeeded();
    auto w = dw.read();
    Matrix v(n, n, da.read()), scaled = v;
    EXPECT(std::is_sorted(w.begin(), w.end()));
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < n; ++i) scaled(i, j) *= w[j];
    orthogonal(v, "eigenvectors");
    same(a * v, scaled, "eigenvalues");
  }

 private:
  void succeeded() { EXPECT(info_.read()[0] == 0); }
  void check_singular_values(const Matrix& a, const Matrix& u, const std::vector<double>& s, const Matrix& v) {
    EXPECT(std::is_sorted(s.rbegin(), s.rend()) && s.back() >= 0);
    Matrix scaled = u;
    for (int j = 0; j < u.columns; ++j)
      for (int i = 0; i < u.rows; ++i) scaled(i, j) *= s[j];
    orthogonal(u, "U of the singular value decomposition");
    same(scaled * v, a, "singular values");
  }

  cusolverDnHandle_t handle_;
  Device<int> info_{1};
};

int main() {
  Solver solver;
  solver.lu(50);
  solver.cholesky(48);
  solver.qr(60, 25);
  solver.singular_values(30, 20);
  solver.jacobi(24, 16);
  solver.eigenvalues(33);
  std::printf("cusolver_dense: LU, Cholesky, QR, singular values and eigenvalues right\n");
}
