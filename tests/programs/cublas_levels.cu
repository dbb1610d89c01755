// cuBLAS, levels 1 to 3 in four types, batched and strided, against plain loops in double precision.
#include <cublas_v2.h>

#include "library.h"

using Complex = std::complex<double>;

template <class T>
struct Type;

// The library's names for one type: S, D, C or Z; the results of norms are real.
#define TYPE(T, REAL, X, NRM2, ASUM, IAMAX, DOTC, GERU)                 \
  template <>                                                           \
  struct Type<T> {                                                      \
    using Real = REAL;                                                  \
    static constexpr auto axpy = cublas##X##axpy;                       \
    static constexpr auto scal = cublas##X##scal;                       \
    static constexpr auto swap = cublas##X##swap;                       \
    static constexpr auto dotc = cublas##DOTC;                          \
    static constexpr auto nrm2 = cublas##NRM2;                          \
    static constexpr auto asum = cublas##ASUM;                          \
    static constexpr auto iamax = cublas##IAMAX;                        \
    static constexpr auto gemv = cublas##X##gemv;                       \
    static constexpr auto geru = cublas##GERU;                          \
    static constexpr auto trsv = cublas##X##trsv;                       \
    static constexpr auto gemm = cublas##X##gemm;                       \
    static constexpr auto gemm_batched = cublas##X##gemmBatched;        \
    static constexpr auto gemm_strided = cublas##X##gemmStridedBatched; \
    static constexpr auto symm = cublas##X##symm;                       \
    static constexpr auto syrk = cublas##X##syrk;                       \
    static constexpr auto trsm = cublas##X##trsm;                       \
    static constexpr auto trmm = cublas##X##trmm;                       \
  };
TYPE(float, float, S, Snrm2, Sasum, Isamax, Sdot, Sger)
TYPE(double, double, D, Dnrm2, Dasum, Idamax, Ddot, Dger)
TYPE(cuComplex, float, C, Scnrm2, Scasum, Icamax, Cdotc, Cgeru)
TYPE(cuDoubleComplex, double, Z, Dznrm2, Dzasum, Izamax, Zdotc, Zgeru)

Complex wide(float x) { return x; }
Complex wide(double x) { return x; }
Complex wide(cuComplex x) { return {x.x, x.y}; }
Complex wide(cuDoubleComplex x) { return {x.x, x.y}; }
void narrow(float& to, Complex x) { to = static_cast<float>(x.real()); }
void narrow(double& to, Complex x) { to = x.real(); }
void narrow(cuComplex& to, Complex x) { to = {static_cast<float>(x.real()), static_cast<float>(x.imag())}; }
void narrow(cuDoubleComplex& to, Complex x) { to = {x.real(), x.imag()}; }

Values values;

template <class T>
std::vector<T> numbers(size_t count) {
  std::vector<T> made(count);
  for (T& x : made) {
    double re = values.next(), im = values.next();
    narrow(x, {re, im});
  }
  return made;
}

// One matrix of the host, column by column, as its transposed or conjugated self.
template <class T>
struct View {
  const std::vector<T>& data;
  int rows;
  cublasOperation_t op = CUBLAS_OP_N;
  size_t from = 0;
  Complex operator()(int i, int j) const {
    Complex x = wide(data[from + (op == CUBLAS_OP_N ? j * rows + i : i * rows + j)]);
    return op == CUBLAS_OP_C ? std::conj(x) : x;
  }
};

template <class T>
class Levels {
 public:
  explicit Levels(cublasHandle_t blas) : blas_(blas) {
    narrow(alpha_, {1.5, -0.5});
    narrow(beta_, {-0.75, 0.25});
    narrow(one_, 1);
  }
  void run() {
    vectors();
    for (auto op : {CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_OP_C}) matrix_vector(op);
    for (auto a : {CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_OP_C})
      for (auto b : {CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_OP_C}) product(a, b, 33, 20, 47);
    product(CUBLAS_OP_N, CUBLAS_OP_N, 128, 96, 64);
    product(CUBLAS_OP_T, CUBLAS_OP_N, 1, 7, 300);
    batches();
    triangles();
    symmetric();
  }

 private:
  using L = Type<T>;
  using Real = typename L::Real;
  static constexpr double tolerance = sizeof(Real) == 4 ? 1e-4 : 1e-11;

  void expect(const T& found, Complex expected, const char* what) {
    if (near(wide(found), expected, tolerance)) return;
    std::fprintf(stderr, "%s of %zu bytes: %g%+gi instead of %g%+gi\n", what, sizeof(T), wide(found).real(),
                 wide(found).imag(), expected.real(), expected.imag());
    std::exit(1);
  }

  void vectors() {
    const int n = 1000;
    auto x = numbers<T>(n), y = numbers<T>(n);
    Device<T> dx(x), dy(y);
    T dot;
    Real norm, sum;
    int largest = 0, expected_largest = 0;
    WORKS(L::dotc(blas_, n, dx, 1, dy, 1, &dot));
    WORKS(L::nrm2(blas_, n, dx, 1, &norm));
    WORKS(L::asum(blas_, n, dx, 1, &sum));
    WORKS(L::iamax(blas_, n, dx, 1, &largest));
    Complex expected_dot = 0;
    double squares = 0, absolute = 0, size = -1;
    for (int i = 0; i < n; ++i) {
      Complex v = wide(x[i]);
      expected_dot += std::conj(v) * wide(y[i]);
      squares += std::norm(v);
      double one = std::abs(v.real()) + std::abs(v.imag());
      absolute += one;
      if (one > size) size = one, expected_largest = i + 1;  // counted from 1, as in Fortran
    }
    expect(dot, expected_dot, "dot");
    EXPECT(near(norm, std::sqrt(squares), tolerance));
    EXPECT(near(sum, absolute, tolerance));
    EXPECT(largest == expected_largest);
    WORKS(L::axpy(blas_, n / 2, &alpha_, dx, 2, dy, 2));
    WORKS(L::scal(blas_, n, &beta_, dx, 1));
    auto found_x = dx.read(), found_y = dy.read();
    for (int i = 0; i < n; ++i) {
      expect(found_x[i], wide(beta_) * wide(x[i]), "scal");
      expect(found_y[i], wide(y[i]) + (i % 2 ? 0.0 : wide(alpha_) * wide(x[i])), "axpy");
    }
    WORKS(L::swap(blas_, n, dx, 1, dy, 1));
    EXPECT(wide(dx.read()[3]) == wide(found_y[3]) && wide(dy.read()[5]) == wide(found_x[5]));
  }

  void matrix_vector(cublasOperation_t op) {
    const int m = 70, n = 45, in = op == CUBLAS_OP_N ? n : m, out = op == CUBLAS_OP_N ? m : n;
    auto a = numbers<T>(m * n), x = numbers<T>(in), y = numbers<T>(out);
    Device<T> da(a), dx(x), dy(y);
    WORKS(L::gemv(blas_, op, m, n, &alpha_, da, m, dx, 1, &beta_, dy, 1));
    auto found = dy.read();
    View<T> view{a, m, op};
    for (int i = 0; i < out; ++i) {
      Complex sum = 0;
      for (int k = 0; k < in; ++k) sum += view(i, k) * wide(x[k]);
      expect(found[i], wide(alpha_) * sum + wide(beta_) * wide(y[i]), "gemv");
    }
    if (op != CUBLAS_OP_N) return;
    WORKS(L::geru(blas_, m, n, &alpha_, dy, 1, dx, 1, da, m));
    auto changed = da.read();
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < m; ++i)
        expect(changed[j * m + i], wide(a[j * m + i]) + wide(alpha_) * wide(found[i]) * wide(x[j]), "ger");
  }

  void check_product(const View<T>& a, const View<T>& b, const std::vector<T>& before, const std::vector<T>& found,
                     size_t from, int m, int n, int k) {
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < m; ++i) {
        Complex sum = 0;
        for (int l = 0; l < k; ++l) sum += a(i, l) * b(l, j);
        expect(found[from + j * m + i], wide(alpha_) * sum + wide(beta_) * wide(before[from + j * m + i]), "gemm");
      }
  }

  void product(cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k) {
    auto a = numbers<T>(m * k), b = numbers<T>(k * n), c = numbers<T>(m * n);
    Device<T> da(a), db(b), dc(c);
    int lda = ta == CUBLAS_OP_N ? m : k, ldb = tb == CUBLAS_OP_N ? k : n;
    WORKS(L::gemm(blas_, ta, tb, m, n, k, &alpha_, da, lda, db, ldb, &beta_, dc, m));
    check_product({a, lda, ta}, {b, ldb, tb}, c, dc.read(), 0, m, n, k);
  }

  void batches() {
    const int m = 12, n = 9, k = 17, count = 5;
    auto a = numbers<T>(m * k * count), b = numbers<T>(k * n * count), c = numbers<T>(m * n * count);
    Device<T> da(a), db(b), dc(c), dd(c);
    std::vector<const T*> pa, pb;
    std::vector<T*> pc;
    for (int i = 0; i < count; ++i)
      pa.push_back(da.get() + i * m * k), pb.push_back(db.get() + i * k * n), pc.push_back(dd.get() + i * m * n);
    Device<const T*> dpa(pa), dpb(pb);
    Device<T*> dpc(pc);
    WORKS(L::gemm_strided(blas_, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, &alpha_, da, m, m * k, db, k, k * n, &beta_, dc, m,
                          m * n, count));
    WORKS(L::gemm_batched(blas_, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, &alpha_, dpa, m, dpb, k, &beta_, dpc, m, count));
    for (auto found : {dc.read(), dd.read()})
      for (size_t i = 0; i < count; ++i)
        check_product({a, m, CUBLAS_OP_N, i * m * k}, {b, k, CUBLAS_OP_N, i * k * n}, c, found, i * m * n, m, n, k);
  }

  // Solved and multiplied back.
  void triangles() {
    const int m = 40, n = 24;
    auto a = numbers<T>(m * m), b = numbers<T>(m * n), x = numbers<T>(m);
    for (int i = 0; i < m; ++i) narrow(a[i * m + i], 20.0 + i);
    Device<T> da(a), db(b), dc(m * n), dx(x);
    WORKS(L::trsm(blas_, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, CUBLAS_DIAG_NON_UNIT, m, n, &alpha_, da,
                  m, db, m));
    auto solved = db.read();
    WORKS(L::trmm(blas_, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, CUBLAS_DIAG_NON_UNIT, m, n, &one_, da,
                  m, db, m, dc, m));
    auto back = dc.read();
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < m; ++i) {
        Complex sum = 0;
        for (int k = 0; k <= i; ++k) sum += wide(a[k * m + i]) * wide(solved[j * m + k]);
        expect(back[j * m + i], sum, "trmm");
        EXPECT(near(sum, wide(alpha_) * wide(b[j * m + i]), tolerance));
      }
    WORKS(L::trsv(blas_, CUBLAS_FILL_MODE_UPPER, CUBLAS_OP_T, CUBLAS_DIAG_NON_UNIT, m, da, m, dx, 1));
    auto root = dx.read();
    for (int i = 0; i < m; ++i) {
      Complex sum = 0;
      for (int k = 0; k <= i; ++k) sum += wide(a[i * m + k]) * wide(root[k]);
      expect(x[i], sum, "trsv");
    }
  }

  void symmetric() {
    const int m = 36, k = 50;
    auto a = numbers<T>(m * m), b = numbers<T>(m * m), c = numbers<T>(m * m), d = numbers<T>(m * k);
    Device<T> da(a), db(b), dc(c), dd(d), de(c);
    WORKS(L::symm(blas_, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_UPPER, m, m, &alpha_, da, m, db, m, &beta_, dc, m));
    WORKS(L::syrk(blas_, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, m, k, &alpha_, dd, m, &beta_, de, m));
    auto product = dc.read(), square = de.read();
    for (int j = 0; j < m; ++j)
      for (int i = 0; i < m; ++i) {
        Complex sum = 0, dot = 0, before = wide(beta_) * wide(c[j * m + i]);
        for (int l = 0; l < m; ++l) sum += wide(i <= l ? a[l * m + i] : a[i * m + l]) * wide(b[j * m + l]);
        for (int l = 0; l < k; ++l) dot += wide(d[l * m + i]) * wide(d[l * m + j]);
        expect(product[j * m + i], wide(alpha_) * sum + before, "symm");
        expect(square[j * m + i], i >= j ? wide(alpha_) * dot + before : wide(c[j * m + i]), "syrk");
      }
  }

  cublasHandle_t blas_;
  T alpha_, beta_, one_;
};

int main() {
  cublasHandle_t blas;
  WORKS(cublasCreate(&blas));
  Levels<float>(blas).run();
  Levels<double>(blas).run();
  Levels<cuComplex>(blas).run();
  Levels<cuDoubleComplex>(blas).run();
  WORKS(cublasDestroy(blas));
  std::printf("cublas_levels: vectors, products, batches, triangles and symmetric matrices right in four types\n");
}
