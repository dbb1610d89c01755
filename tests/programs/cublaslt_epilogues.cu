// cuBLASLt: products with what follows them in a network (bias, ReLU, GELU, their gradients), and row-major layouts.
#include <cublasLt.h>
#include <cuda_fp16.h>

#include "library.h"

Values values;

std::vector<float> numbers(size_t count) {
  std::vector<float> made(count);
  for (float& x : made) x = static_cast<float>(values.next());
  return made;
}

// The approximation by tanh, which the library documents for its GELU epilogues.
double gelu(double x) { return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); }

struct Layout {
  cublasLtMatrixLayout_t handle;
  Layout(cudaDataType type, int rows, int columns, bool by_rows = false) {
    WORKS(cublasLtMatrixLayoutCreate(&handle, type, rows, columns, by_rows ? columns : rows));
    cublasLtOrder_t order = by_rows ? CUBLASLT_ORDER_ROW : CUBLASLT_ORDER_COL;
    WORKS(cublasLtMatrixLayoutSetAttribute(handle, CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof order));
  }
  ~Layout() { cublasLtMatrixLayoutDestroy(handle); }
};

class Matmul {
 public:
  explicit Matmul(cublasLtEpilogue_t epilogue) {
    WORKS(cublasLtCreate(&lt_));
    WORKS(cublasLtMatmulDescCreate(&descriptor_, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
  }
  ~Matmul() {
    cublasLtMatmulDescDestroy(descriptor_);
    cublasLtDestroy(lt_);
  }
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, T value) {
    WORKS(cublasLtMatmulDescSetAttribute(descriptor_, attribute, &value, sizeof value));
  }
  void run(const void* a, const Layout& la, const void* b, const Layout& lb, const void* c, void* d, const Layout& ld,
           float beta) {
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulHeuristicResult_t best;
    size_t room = 4 << 20;
    int found = 0;
    WORKS(cublasLtMatmulPreferenceCreate(&preference));
    WORKS(
        cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room));
    WORKS(cublasLtMatmulAlgoGetHeuristic(lt_, descriptor_, la.handle, lb.handle, ld.handle, ld.handle, preference, 1,
                                         &best, &found));
    EXPECT(found == 1);
    Device<char> workspace(room);
    float alpha = 1;
    WORKS(cublasLtMatmul(lt_, descriptor_, &alpha, a, la.handle, b, lb.handle, &beta, c, ld.handle, d, ld.handle,
                         &best.algo, workspace, room, nullptr));
    CHECK(cudaDeviceSynchronize());
    cublasLtMatmulPreferenceDestroy(preference);
  }

 private:
  cublasLtHandle_t lt_;
  cublasLtMatmulDesc_t descriptor_;
};

constexpr int m = 64, n = 48, k = 80;

void single_precision(const char* name, cublasLtEpilogue_t epilogue, bool bias, double (*follow)(double)) {
  auto a = numbers(m * k), b = numbers(k * n), c = numbers(m * n), offsets = numbers(m);
  Device<float> da(a), db(b), dc(c), dd(m * n), doffsets(offsets);
  Matmul matmul(epilogue);
  if (bias) matmul.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, doffsets.get());
  matmul.run(da, {CUDA_R_32F, m, k}, db, {CUDA_R_32F, k, n}, dc, dd, {CUDA_R_32F, m, n}, 0.5f);
  auto found = dd.read();
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < m; ++i) {
      double sum = 0.5 * c[j * m + i] + (bias ? offsets[i] : 0);
      for (int l = 0; l < k; ++l) sum += static_cast<double>(a[l * m + i]) * b[j * k + l];
      if (near(found[j * m + i], follow(sum), 1e-4)) continue;
      std::fprintf(stderr, "%s: %g instead of %g\n", name, found[j * m + i], follow(sum));
      std::exit(1);
    }
}

// What a linear layer of a network does in f16: a transposed weight, a bias, a result in f16.
void linear_layer(cublasLtEpilogue_t epilogue, double (*follow)(double)) {
  std::vector<__half> weight(k * m), input(k * n), bias(m);
  for (auto* list : {&weight, &input, &bias})
    for (__half& x : *list) x = __half(static_cast<float>(values.next()));
  Device<__half> dweight(weight), dinput(input), dbias(bias), doutput(m * n);
  Matmul matmul(epilogue);
  matmul.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  matmul.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, dbias.get());
  matmul.run(dweight, {CUDA_R_16F, k, m}, dinput, {CUDA_R_16F, k, n}, doutput, doutput, {CUDA_R_16F, m, n}, 0);
  auto found = doutput.read();
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < m; ++i) {
      double sum = static_cast<float>(bias[i]);
      for (int l = 0; l < k; ++l)
        sum += static_cast<double>(static_cast<float>(weight[i * k + l])) * static_cast<float>(input[j * k + l]);
      EXPECT(near(static_cast<float>(found[j * m + i]), follow(sum), 3e-3));
    }
}

void rows() {
  auto a = numbers(m * k), b = numbers(k * n);
  Device<float> da(a), db(b), dd(m * n);
  Matmul matmul(CUBLASLT_EPILOGUE_DEFAULT);
  matmul.run(da, {CUDA_R_32F, m, k, true}, db, {CUDA_R_32F, k, n, true}, dd, dd, {CUDA_R_32F, m, n, true}, 0);
  auto found = dd.read();
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double sum = 0;
      for (int l = 0; l < k; ++l) sum += static_cast<double>(a[i * k + l]) * b[l * n + j];
      EXPECT(near(found[i * n + j], sum, 1e-4));
    }
}

int main() {
  auto same = [](double x) { return x; };
  auto relu = [](double x) { return x > 0 ? x : 0; };
  single_precision("plain", CUBLASLT_EPILOGUE_DEFAULT, false, same);
  single_precision("bias", CUBLASLT_EPILOGUE_BIAS, true, same);
  single_precision("ReLU", CUBLASLT_EPILOGUE_RELU, false, relu);
  single_precision("ReLU and bias", CUBLASLT_EPILOGUE_RELU_BIAS, true, relu);
  single_precision("GELU", CUBLASLT_EPILOGUE_GELU, false, gelu);
  single_precision("GELU and bias", CUBLASLT_EPILOGUE_GELU_BIAS, true, gelu);
  linear_layer(CUBLASLT_EPILOGUE_BIAS, same);
  linear_layer(CUBLASLT_EPILOGUE_RELU_BIAS, relu);
  linear_layer(CUBLASLT_EPILOGUE_GELU_BIAS, gelu);
  rows();
  std::printf("cublaslt_epilogues: f32, f16 and row-major right\n");
}
