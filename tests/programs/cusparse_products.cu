// cuSPARSE: products of sparse matrices with vectors, dense and sparse matrices, conversions and a triangular solve.
#include <cusparse.h>

#include "library.h"

Values values;

// A dense matrix by rows, three quarters of it zero, and its compressed forms.
template <class T>
struct Matrix {
  int rows, columns;
  std::vector<T> dense;
  std::vector<int> offsets{0}, column, row;
  std::vector<T> numbers;

  Matrix(int rows, int columns, bool lower = false) : rows(rows), columns(columns), dense(rows * columns) {
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        bool there = lower ? j == i || (j < i && values.next() > 0.5) : values.next() > 0.5;
        double value = values.next();
        if (!there) continue;
        dense[i * columns + j] = static_cast<T>(lower && i == j ? 4 + value : value);
        column.push_back(j), row.push_back(i), numbers.push_back(dense[i * columns + j]);
      }
      offsets.push_back(static_cast<int>(column.size()));
    }
  }
  T at(int i, int j) const { return dense[i * columns + j]; }
};

template <class T>
constexpr cudaDataType type = sizeof(T) == 4 ? CUDA_R_32F : CUDA_R_64F;
template <class T>
constexpr double tolerance = sizeof(T) == 4 ? 1e-5 : 1e-13;

// The matrix on the device, in CSR or in COO.
template <class T>
struct Sparse {
  Device<int> offsets, column, row;
  Device<T> numbers;
  cusparseSpMatDescr_t handle;
  Sparse(const Matrix<T>& m, bool coordinates = false)
      : offsets(m.offsets), column(m.column), row(m.row), numbers(m.numbers) {
    auto count = static_cast<int64_t>(m.numbers.size());
    if (coordinates)
      WORKS(cusparseCreateCoo(&handle, m.rows, m.columns, count, row.get(), column.get(), numbers.get(),
                              CUSPARSE_INDEX_32I, CUSPARSE_INDEX_BASE_ZERO, type<T>));
    else
      WORKS(cusparseCreateCsr(&handle, m.rows, m.columns, count, offsets.get(), column.get(), numbers.get(),
                              CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I, CUSPARSE_INDEX_BASE_ZERO, type<T>));
  }
  ~Sparse() { cusparseDestroySpMat(handle); }
};

template <class T>
std::vector<T> numbers(size_t size) {
  std::vector<T> made(size);
  for (T& x : made) x = static_cast<T>(values.next());
  return made;
}

template <class T>
class Products {
 public:
  explicit Products(cusparseHandle_t sparse) : sparse_(sparse) {}
  void run() {
    Matrix<T> m(150, 90);
    for (bool coordinates : {false, true}) {
      vector(m, coordinates, CUSPARSE_OPERATION_NON_TRANSPOSE);
      vector(m, coordinates, CUSPARSE_OPERATION_TRANSPOSE);
    }
    dense(m, CUSPARSE_ORDER_COL);
    dense(m, CUSPARSE_ORDER_ROW);
    sparse();
    conversions(m);
    triangle();
  }

 private:
  static constexpr auto N = CUSPARSE_OPERATION_NON_TRANSPOSE;
  const T alpha_ = T(1.5), beta_ = T(-0.5);

  void vector(const Matrix<T>& m, bool coordinates, cusparseOperation_t op) {
    int in = op == N ? m.columns : m.rows, out = op == N ? m.rows : m.columns;
    auto x = numbers<T>(in), y = numbers<T>(out);
    Device<T> dx(x), dy(y);
    Sparse<T> a(m, coordinates);
    cusparseDnVecDescr_t vx, vy;
    size_t size = 0;
    WORKS(cusparseCreateDnVec(&vx, in, dx.get(), type<T>));
    WORKS(cusparseCreateDnVec(&vy, out, dy.get(), type<T>));
    WORKS(cusparseSpMV_bufferSize(sparse_, op, &alpha_, a.handle, vx, &beta_, vy, type<T>, CUSPARSE_SPMV_ALG_DEFAULT,
                                  &size));
    Device<char> room(size + 1);
    WORKS(cusparseSpMV(sparse_, op, &alpha_, a.handle, vx, &beta_, vy, type<T>, CUSPARSE_SPMV_ALG_DEFAULT, room.get()));
    auto found = dy.read();
    for (int i = 0; i < out; ++i) {
      double sum = 0;
      for (int k = 0; k < in; ++k) sum += double(op == N ? m.at(i, k) : m.at(k, i)) * x[k];
      EXPECT(near(found[i], alpha_ * sum + beta_ * double(y[i]), tolerance<T> * 10));
    }
    cusparseDestroyDnVec(vx), cusparseDestroyDnVec(vy);
  }

  void dense(const Matrix<T>& m, cusparseOrder_t order) {
    const int n = 20;
    bool by_rows = order == CUSPARSE_ORDER_ROW;
    auto b = numbers<T>(m.columns * n);
    Device<T> db(b), dc(m.rows * n);
    Sparse<T> a(m);
    cusparseDnMatDescr_t mb, mc;
    T zero = 0;
    size_t size = 0;
    WORKS(cusparseCreateDnMat(&mb, m.columns, n, by_rows ? n : m.columns, db.get(), type<T>, order));
    WORKS(cusparseCreateDnMat(&mc, m.rows, n, by_rows ? n : m.rows, dc.get(), type<T>, order));
    WORKS(cusparseSpMM_bufferSize(sparse_, N, N, &alpha_, a.handle, mb, &zero, mc, type<T>, CUSPARSE_SPMM_ALG_DEFAULT,
                                  &size));
    Device<char> room(size + 1);
    WORKS(
        cusparseSpMM(sparse_, N, N, &alpha_, a.handle, mb, &zero, mc, type<T>, CUSPARSE_SPMM_ALG_DEFAULT, room.get()));
    auto found = dc.read();
    for (int i = 0; i < m.rows; ++i)
      for (int j = 0; j < n; ++j) {
        double sum = 0;
        for (int k = 0; k < m.columns; ++k) sum += double(m.at(i, k)) * b[by_rows ? k * n + j : j * m.columns + k];
        EXPECT(near(found[by_rows ? i * n + j : j * m.rows + i], alpha_ * sum, tolerance<T> * 10));
      }
    cusparseDestroyDnMat(mb), cusparseDestroyDnMat(mc);
  }

  void sparse() {
    Matrix<T> a(40, 30), b(30, 50);
    Sparse<T> sa(a), sb(b);
    Device<int> offsets(41);
    cusparseSpMatDescr_t c;
    cusparseSpGEMMDescr_t work;
    T zero = 0;
    size_t first = 0, second = 0;
    auto algorithm = CUSPARSE_SPGEMM_DEFAULT;
    WORKS(cusparseCreateCsr(&c, 40, 50, 0, offsets.get(), nullptr, nullptr, CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I,
                            CUSPARSE_INDEX_BASE_ZERO, type<T>));
    WORKS(cusparseSpGEMM_createDescr(&work));
    auto estimate = [&](void* room) {
      return cusparseSpGEMM_workEstimation(sparse_, N, N, &alpha_, sa.handle, sb.handle, &zero, c, type<T>, algorithm,
                                           work, &first, room);
    };
    auto compute = [&](void* room) {
      return cusparseSpGEMM_compute(sparse_, N, N, &alpha_, sa.handle, sb.handle, &zero, c, type<T>, algorithm, work,
                                    &second, room);
    };
    WORKS(estimate(nullptr));
    Device<char> first_room(first + 1);
    WORKS(estimate(first_room.get()));
    WORKS(compute(nullptr));
    Device<char> second_room(second + 1);
    WORKS(compute(second_room.get()));
    int64_t rows, columns, count;
    WORKS(cusparseSpMatGetSize(c, &rows, &columns, &count));
    Device<int> column(count);
    Device<T> number(count);
    WORKS(cusparseCsrSetPointers(c, offsets.get(), column.get(), number.get()));
    WORKS(cusparseSpGEMM_copy(sparse_, N, N, &alpha_, sa.handle, sb.handle, &zero, c, type<T>, algorithm, work));
    check_sparse(a, b, offsets.read(), column.read(), number.read());
    cusparseSpGEMM_destroyDescr(work), cusparseDestroySpMat(c);
  }

  void check_sparse(const Matrix<T>& a, const Matrix<T>& b, const std::vector<int>& offsets,
                    const std::vector<int>& column, const std::vector<T>& number) {
    std::vector<double> found(a.rows * b.columns);
    for (int i = 0; i < a.rows; ++i)
      for (int p = offsets[i]; p < offsets[i + 1]; ++p) found[i * b.columns + column[p]] = number[p];
    for (int i = 0; i < a.rows; ++i)
      for (int j = 0; j < b.columns; ++j) {
        double sum = 0;
        for (int k = 0; k < a.columns; ++k) sum += double(a.at(i, k)) * b.at(k, j);
        EXPECT(near(found[i * b.columns + j], alpha_ * sum, tolerance<T> * 10));
      }
  }

  // Dense to CSR, CSR to CSC, CSR to dense: nothing is computed, so nothing may differ.
  void conversions(const Matrix<T>& m) {
    Device<T> dense(m.dense), back(m.dense.size()), number(m.numbers.size()), turned(m.numbers.size());
    Device<int> offsets(m.rows + 1), column(m.column.size()), starts(m.columns + 1), row(m.row.size());
    cusparseDnMatDescr_t from, to;
    cusparseSpMatDescr_t csr;
    size_t size = 0;
    int count = static_cast<int>(m.numbers.size());
    WORKS(cusparseCreateDnMat(&from, m.rows, m.columns, m.columns, dense.get(), type<T>, CUSPARSE_ORDER_ROW));
    WORKS(cusparseCreateDnMat(&to, m.rows, m.columns, m.columns, back.get(), type<T>, CUSPARSE_ORDER_ROW));
    WORKS(cusparseCreateCsr(&csr, m.rows, m.columns, 0, offsets.get(), nullptr, nullptr, CUSPARSE_INDEX_32I,
                            CUSPARSE_INDEX_32I, CUSPARSE_INDEX_BASE_ZERO, type<T>));
    auto to_sparse = CUSPARSE_DENSETOSPARSE_ALG_DEFAULT;
    WORKS(cusparseDenseToSparse_bufferSize(sparse_, from, csr, to_sparse, &size));
    Device<char> room(size + 1);
    WORKS(cusparseDenseToSparse_analysis(sparse_, from, csr, to_sparse, room.get()));
    WORKS(cusparseCsrSetPointers(csr, offsets.get(), column.get(), number.get()));
    WORKS(cusparseDenseToSparse_convert(sparse_, from, csr, to_sparse, room.get()));
    EXPECT(offsets.read() == m.offsets && column.read() == m.column && number.read() == m.numbers);
    WORKS(cusparseSparseToDense_bufferSize(sparse_, csr, to, CUSPARSE_SPARSETODENSE_ALG_DEFAULT, &size));
    Device<char> more(size + 1);
    WORKS(cusparseSparseToDense(sparse_, csr, to, CUSPARSE_SPARSETODENSE_ALG_DEFAULT, more.get()));
    EXPECT(back.read() == m.dense);
    auto turn = [&](auto call, auto... last) {
      return call(sparse_, m.rows, m.columns, count, number.get(), offsets.get(), column.get(), turned.get(),
                  starts.get(), row.get(), type<T>, CUSPARSE_ACTION_NUMERIC, CUSPARSE_INDEX_BASE_ZERO,
                  CUSPARSE_CSR2CSC_ALG_DEFAULT, last...);
    };
    WORKS(turn(cusparseCsr2cscEx2_bufferSize, &size));
    Device<char> third(size + 1);
    WORKS(turn(cusparseCsr2cscEx2, static_cast<void*>(third.get())));
    auto first = starts.read(), rows = row.read();
    auto number_of = turned.read();
    for (int j = 0; j < m.columns; ++j)
      for (int p = first[j]; p < first[j + 1]; ++p) EXPECT(number_of[p] == m.at(rows[p], j));
    cusparseDestroyDnMat(from), cusparseDestroyDnMat(to), cusparseDestroySpMat(csr);
  }

  void triangle() {
    Matrix<T> m(60, 60, true);
    auto b = numbers<T>(60);
    Device<T> db(b), dx(60);
    Sparse<T> a(m);
    cusparseDnVecDescr_t vb, vx;
    cusparseSpSVDescr_t work;
    size_t size = 0;
    auto fill = CUSPARSE_FILL_MODE_LOWER;
    auto algorithm = CUSPARSE_SPSV_ALG_DEFAULT;
    WORKS(cusparseSpMatSetAttribute(a.handle, CUSPARSE_SPMAT_FILL_MODE, &fill, sizeof fill));
    WORKS(cusparseCreateDnVec(&vb, 60, db.get(), type<T>));
    WORKS(cusparseCreateDnVec(&vx, 60, dx.get(), type<T>));
    WORKS(cusparseSpSV_createDescr(&work));
    WORKS(cusparseSpSV_bufferSize(sparse_, N, &alpha_, a.handle, vb, vx, type<T>, algorithm, work, &size));
    Device<char> room(size + 1);
    WORKS(cusparseSpSV_analysis(sparse_, N, &alpha_, a.handle, vb, vx, type<T>, algorithm, work, room.get()));
    WORKS(cusparseSpSV_solve(sparse_, N, &alpha_, a.handle, vb, vx, type<T>, algorithm, work));
    auto x = dx.read();
    for (int i = 0; i < 60; ++i) {
      double sum = 0;
      for (int k = 0; k <= i; ++k) sum += double(m.at(i, k)) * x[k];
      EXPECT(near(sum, alpha_ * double(b[i]), tolerance<T> * 100));
    }
    cusparseSpSV_destroyDescr(work), cusparseDestroyDnVec(vb), cusparseDestroyDnVec(vx);
  }

  cusparseHandle_t sparse_;
};

int main() {
  cusparseHandle_t sparse;
  WORKS(cusparseCreate(&sparse));
  Products<float>(sparse).run();
  Products<double>(sparse).run();
  WORKS(cusparseDestroy(sparse));
  std::printf("cusparse_products: SpMV, SpMM, SpGEMM, SpSV and conversions right\n");
}
