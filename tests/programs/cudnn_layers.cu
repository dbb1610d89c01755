// cuDNN: the layers of a small network, forward and backward, against plain loops.
#include <cudnn.h>

#include <algorithm>

#include "library.h"

Values values;

std::vector<float> numbers(size_t count) {
  std::vector<float> made(count);
  for (float& x : made) x = static_cast<float>(values.next());
  return made;
}

void expect(const std::vector<float>& found, const std::vector<double>& expected, const char* what) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (near(found[i], expected[i], 1e-4)) continue;
    std::fprintf(stderr, "%s: %g instead of %g at %zu\n", what, found[i], expected[i], i);
    std::exit(1);
  }
}

struct Shape {
  int n, c, h, w;
  size_t size() const { return static_cast<size_t>(n) * c * h * w; }
  size_t at(int i, int j, int k, int l) const { return ((static_cast<size_t>(i) * c + j) * h + k) * w + l; }
};

struct Tensor {
  cudnnTensorDescriptor_t handle;
  explicit Tensor(Shape s) {
    WORKS(cudnnCreateTensorDescriptor(&handle));
    WORKS(cudnnSetTensor4dDescriptor(handle, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, s.n, s.c, s.h, s.w));
  }
  ~Tensor() { cudnnDestroyTensorDescriptor(handle); }
};

const float one = 1, zero = 0;
constexpr Shape x_shape{2, 3, 9, 8}, w_shape{4, 3, 3, 3}, y_shape{2, 4, 9, 8};

// Visits every product of a 3x3 convolution with padding 1: output, input and weight that belong together.
template <class Visit>
void each_product(Visit visit) {
  for (int n = 0; n < y_shape.n; ++n)
    for (int k = 0; k < y_shape.c; ++k)
      for (int h = 0; h < y_shape.h; ++h)
        for (int w = 0; w < y_shape.w; ++w)
          for (int c = 0; c < x_shape.c; ++c)
            for (int r = 0; r < 3; ++r)
              for (int s = 0; s < 3; ++s) {
                int ih = h + r - 1, iw = w + s - 1;
                if (ih < 0 || iw < 0 || ih >= x_shape.h || iw >= x_shape.w) continue;
                visit(y_shape.at(n, k, h, w), x_shape.at(n, c, ih, iw), w_shape.at(k, c, r, s));
              }
}

void convolution(cudnnHandle_t dnn) {
  auto x = numbers(x_shape.size()), w = numbers(w_shape.size()), dy = numbers(y_shape.size());
  std::vector<double> y(dy.size()), dx(x.size()), dw(w.size());
  each_product([&](size_t out, size_t in, size_t weight) {
    y[out] += double(x[in]) * w[weight];
    dx[in] += double(dy[out]) * w[weight];
    dw[weight] += double(dy[out]) * x[in];
  });
  Tensor tx(x_shape), ty(y_shape);
  cudnnFilterDescriptor_t filter;
  cudnnConvolutionDescriptor_t descriptor;
  WORKS(cudnnCreateFilterDescriptor(&filter));
  WORKS(cudnnSetFilter4dDescriptor(filter, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, w_shape.n, w_shape.c, 3, 3));
  WORKS(cudnnCreateConvolutionDescriptor(&descriptor));
  WORKS(cudnnSetConvolution2dDescriptor(descriptor, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
  Device<float> gx(x), gw(w), gy(y.size()), gdy(dy), gdx(dx.size()), gdw(dw.size());
  size_t room = 16 << 20;
  Device<char> workspace(room);
  auto forward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
  auto data = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
  auto weights = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
  WORKS(cudnnConvolutionForward(dnn, &one, tx.handle, gx, filter, gw, descriptor, forward, workspace, room, &zero,
                                ty.handle, gy));
  expect(gy.read(), y, "convolution");
  WORKS(cudnnConvolutionBackwardData(dnn, &one, filter, gw, ty.handle, gdy, descriptor, data, workspace, room, &zero,
                                     tx.handle, gdx));
  expect(gdx.read(), dx, "convolution, backward to the data");
  WORKS(cudnnConvolutionBackwardFilter(dnn, &one, tx.handle, gx, ty.handle, gdy, descriptor, weights, workspace, room,
                                       &zero, filter, gdw));
  expect(gdw.read(), dw, "convolution, backward to the weights");
  cudnnDestroyFilterDescriptor(filter), cudnnDestroyConvolutionDescriptor(descriptor);
}

void activation(cudnnHandle_t dnn) {
  auto x = numbers(x_shape.size()), dy = numbers(x_shape.size());
  Tensor t(x_shape);
  Device<float> gx(x), gy(x.size()), gdy(dy), gdx(x.size());
  cudnnActivationDescriptor_t descriptor;
  WORKS(cudnnCreateActivationDescriptor(&descriptor));
  for (auto mode : {CUDNN_ACTIVATION_RELU, CUDNN_ACTIVATION_TANH, CUDNN_ACTIVATION_SIGMOID}) {
    WORKS(cudnnSetActivationDescriptor(descriptor, mode, CUDNN_PROPAGATE_NAN, 0));
    WORKS(cudnnActivationForward(dnn, descriptor, &one, t.handle, gx, &zero, t.handle, gy));
    WORKS(cudnnActivationBackward(dnn, descriptor, &one, t.handle, gy, t.handle, gdy, t.handle, gx, &zero, t.handle,
                                  gdx));
    std::vector<double> y, dx;
    for (size_t i = 0; i < x.size(); ++i) {
      double tanh = std::tanh(x[i]), sigmoid = 1 / (1 + std::exp(-double(x[i])));
      bool relu = mode == CUDNN_ACTIVATION_RELU, hyperbolic = mode == CUDNN_ACTIVATION_TANH;
      y.push_back(relu ? std::max(0.0, double(x[i])) : hyperbolic ? tanh : sigmoid);
      dx.push_back(dy[i] * (relu ? x[i] > 0 : hyperbolic ? 1 - tanh * tanh : sigmoid * (1 - sigmoid)));
    }
    expect(gy.read(), y, "activation");
    expect(gdx.read(), dx, "activation, backward");
  }
  cudnnDestroyActivationDescriptor(descriptor);
}

void pooling(cudnnHandle_t dnn) {
  Shape out{2, 3, 4, 4};
  auto x = numbers(x_shape.size());
  Tensor tx(x_shape), ty(out);
  Device<float> gx(x), gy(out.size());
  cudnnPoolingDescriptor_t descriptor;
  WORKS(cudnnCreatePoolingDescriptor(&descriptor));
  for (auto mode : {CUDNN_POOLING_MAX, CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING}) {
    WORKS(cudnnSetPooling2dDescriptor(descriptor, mode, CUDNN_PROPAGATE_NAN, 2, 2, 0, 0, 2, 2));
    WORKS(cudnnPoolingForward(dnn, descriptor, &one, tx.handle, gx, &zero, ty.handle, gy));
    std::vector<double> y(out.size());
    for (int n = 0; n < out.n; ++n)
      for (int c = 0; c < out.c; ++c)
        for (int h = 0; h < out.h; ++h)
          for (int w = 0; w < out.w; ++w) {
            double most = -10, sum = 0;
            for (int i = 0; i < 4; ++i) {
              double v = x[x_shape.at(n, c, 2 * h + i / 2, 2 * w + i % 2)];
              most = std::max(most, v), sum += v;
            }
            y[out.at(n, c, h, w)] = mode == CUDNN_POOLING_MAX ? most : sum / 4;
          }
    expect(gy.read(), y, "pooling");
  }
  cudnnDestroyPoolingDescriptor(descriptor);
}

void softmax(cudnnHandle_t dnn) {
  Shape shape{5, 11, 1, 1};
  auto x = numbers(shape.size()), dy = numbers(shape.size());
  Tensor t(shape);
  Device<float> gx(x), gy(x.size()), gdy(dy), gdx(x.size());
  WORKS(cudnnSoftmaxForward(dnn, CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_CHANNEL, &one, t.handle, gx, &zero,
                            t.handle, gy));
  WORKS(cudnnSoftmaxBackward(dnn, CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_CHANNEL, &one, t.handle, gy, t.handle, gdy,
                             &zero, t.handle, gdx));
  std::vector<double> y(x.size()), dx(x.size());
  for (int n = 0; n < shape.n; ++n) {
    double sum = 0, dot = 0;
    for (int c = 0; c < shape.c; ++c) sum += std::exp(double(x[n * shape.c + c]));
    for (int c = 0; c < shape.c; ++c) y[n * shape.c + c] = std::exp(double(x[n * shape.c + c])) / sum;
    for (int c = 0; c < shape.c; ++c) dot += y[n * shape.c + c] * dy[n * shape.c + c];
    for (int c = 0; c < shape.c; ++c) dx[n * shape.c + c] = y[n * shape.c + c] * (dy[n * shape.c + c] - dot);
  }
  expect(gy.read(), y, "softmax");
  expect(gdx.read(), dx, "softmax, backward");
}

void normalisation(cudnnHandle_t dnn) {
  auto x = numbers(x_shape.size()), scale = numbers(x_shape.c), bias = numbers(x_shape.c);
  Shape each{1, x_shape.c, 1, 1};
  Tensor t(x_shape), per_channel(each);
  Device<float> gx(x), gy(x.size()), gscale(scale), gbias(bias), mean(each.size()), variance(each.size()),
      saved_mean(each.size()), saved_deviation(each.size());
  const double epsilon = 1e-4;
  WORKS(cudnnBatchNormalizationForwardTraining(dnn, CUDNN_BATCHNORM_SPATIAL, &one, &zero, t.handle, gx, t.handle, gy,
                                               per_channel.handle, gscale, gbias, 1, mean, variance, epsilon,
                                               saved_mean, saved_deviation));
  std::vector<double> y(x.size()), means(x_shape.c);
  double count = x_shape.n * x_shape.h * x_shape.w;
  for (int c = 0; c < x_shape.c; ++c) {
    double squares = 0;
    auto each_value = [&](auto visit) {
      for (int n = 0; n < x_shape.n; ++n)
        for (int i = 0; i < x_shape.h * x_shape.w; ++i) visit(x_shape.at(n, c, 0, 0) + i);
    };
    each_value([&](size_t i) { means[c] += x[i] / count; });
    each_value([&](size_t i) { squares += (x[i] - means[c]) * (x[i] - means[c]) / count; });
    each_value([&](size_t i) { y[i] = scale[c] * (x[i] - means[c]) / std::sqrt(squares + epsilon) + bias[c]; });
  }
  expect(gy.read(), y, "batch normalisation");
  expect(saved_mean.read(), means, "batch normalisation, means");
}

int main() {
  cudnnHandle_t dnn;
  WORKS(cudnnCreate(&dnn));
  activation(dnn);
  softmax(dnn);
  pooling(dnn);
  normalisation(dnn);
  convolution(dnn);
  WORKS(cudnnDestroy(dnn));
  std::printf("cudnn_layers: activation, softmax, pooling, normalisation and convolution right\n");
}
