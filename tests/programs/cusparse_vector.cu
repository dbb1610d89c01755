// cuSPARSE at short: the product of a matrix in CSR and a vector.
#include <cusparse.h>

#include "library.h"

int main() {
  const int rows = 60, columns = 40;
  Values values;
  std::vector<double> dense(rows * columns), numbers, x(columns), y(rows);
  std::vector<int> offsets{0}, places;
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      if (values.next() > -0.3) continue;
      dense[i * columns + j] = values.next();
      places.push_back(j), numbers.push_back(dense[i * columns + j]);
    }
    offsets.push_back(static_cast<int>(numbers.size()));
  }
  for (double& value : x) value = values.next();
  for (double& value : y) value = values.next();
  Device<int> device_offsets(offsets), device_places(places);
  Device<double> device_numbers(numbers), device_x(x), device_y(y);
  const double alpha = 1.5, beta = -0.5;

  cusparseHandle_t sparse;
  cusparseSpMatDescr_t matrix;
  cusparseDnVecDescr_t from, to;
  size_t size = 0;
  const auto operation = CUSPARSE_OPERATION_NON_TRANSPOSE;
  const auto algorithm = CUSPARSE_SPMV_ALG_DEFAULT;
  WORKS(cusparseCreate(&sparse));
  WORKS(cusparseCreateCsr(&matrix, rows, columns, static_cast<int64_t>(numbers.size()), device_offsets.get(),
                          device_places.get(), device_numbers.get(), CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I,
                          CUSPARSE_INDEX_BASE_ZERO, CUDA_R_64F));
  WORKS(cusparseCreateDnVec(&from, columns, device_x.get(), CUDA_R_64F));
  WORKS(cusparseCreateDnVec(&to, rows, device_y.get(), CUDA_R_64F));
  WORKS(cusparseSpMV_bufferSize(sparse, operation, &alpha, matrix, from, &beta, to, CUDA_R_64F, algorithm, &size));
  Device<char> room(size + 1);
  WORKS(cusparseSpMV(sparse, operation, &alpha, matrix, from, &beta, to, CUDA_R_64F, algorithm, room.get()));
  auto found = device_y.read();
  for (int i = 0; i < rows; ++i) {
    double sum = 0;
    for (int j = 0; j < columns; ++j) sum += dense[i * columns + j] * x[j];
    EXPECT(near(found[i], alpha * sum + beta * y[i], 1e-12));
  }
  WORKS(cusparseDestroySpMat(matrix));
  WORKS(cusparseDestroyDnVec(from));
  WORKS(cusparseDestroyDnVec(to));
  WORKS(cusparseDestroy(sparse));
  std::printf("cusparse_vector: right\n");
}
