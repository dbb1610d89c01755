// cuSOLVER, sparse: the system of a grid's Laplace operator, by QR and by Cholesky on the device.
#include <cusolverSp.h>
#include <cusparse.h>

#include "library.h"

int main() {
  const int side = 8, n = side * side;
  std::vector<int> offsets{0}, columns;
  std::vector<double> numbers, b(n), x(n);
  for (int i = 0; i < n; ++i) {
    int row = i / side, column = i % side;
    auto put = [&](bool there, int j, double value) {
      if (there) columns.push_back(j), numbers.push_back(value);
    };
    put(row > 0, i - side, -1);
    put(column > 0, i - 1, -1);
    put(true, i, 4.5);
    put(column < side - 1, i + 1, -1);
    put(row < side - 1, i + side, -1);
    offsets.push_back(static_cast<int>(columns.size()));
    b[i] = std::sin(i * 0.3);
  }
  Device<int> doffsets(offsets), dcolumns(columns);
  Device<double> dnumbers(numbers), db(b), dx(n);
  cusolverSpHandle_t solver;
  cusparseMatDescr_t descriptor;
  WORKS(cusolverSpCreate(&solver));
  WORKS(cusparseCreateMatDescr(&descriptor));
  auto check = [&](const char* what) {
    auto found = dx.read();
    for (int i = 0; i < n; ++i) {
      double sum = 0;
      for (int p = offsets[i]; p < offsets[i + 1]; ++p) sum += numbers[p] * found[columns[p]];
      if (near(sum, b[i], 1e-10)) continue;
      std::fprintf(stderr, "%s: row %d gives %g instead of %g\n", what, i, sum, b[i]);
      std::exit(1);
    }
  };
  int singular = 0, count = static_cast<int>(numbers.size());
  for (int reorder : {0, 1}) {
    WORKS(cusolverSpDcsrlsvqr(solver, n, count, descriptor, dnumbers, doffsets, dcolumns, db, 1e-12, reorder, dx,
                              &singular));
    EXPECT(singular == -1);
    check("QR");
    WORKS(cusolverSpDcsrlsvchol(solver, n, count, descriptor, dnumbers, doffsets, dcolumns, db, 1e-12, reorder, dx,
                                &singular));
    EXPECT(singular == -1);
    check("Cholesky");
  }
  WORKS(cusparseDestroyMatDescr(descriptor));
  WORKS(cusolverSpDestroy(solver));
  std::printf("cusolver_sparse: QR and Cholesky right\n");
}
