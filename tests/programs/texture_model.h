// What a texture fetch gives, from the formulas of the CUDA C++ Programming Guide ("Texture Fetching"), one number at a
// time and in double precision.
#pragma once
#include <cuda_runtime.h>

#include <cmath>
#include <vector>

struct TextureModel {
  int size[3] = {1, 1, 1};
  int dimensions = 1;
  std::vector<double> texels;
  cudaTextureAddressMode mode = cudaAddressModeClamp;
  bool linear = false, normalised = false;
  double border = 0;

  // Along one axis: which texel an index means; -1: the border.
  int index(long i, int n) const {
    bool clamps = mode == cudaAddressModeClamp || (!normalised && mode != cudaAddressModeBorder);
    if (mode == cudaAddressModeBorder) return i < 0 || i >= n ? -1 : int(i);
    if (clamps) return int(i < 0 ? 0 : i >= n ? n - 1 : i);
    long period = mode == cudaAddressModeMirror ? 2L * n : n, rest = ((i % period) + period) % period;
    return int(rest < n ? rest : 2L * n - 1 - rest);
  }
  double texel(long x, long y, long z) const {
    int i = index(x, size[0]), j = dimensions > 1 ? index(y, size[1]) : 0, k = dimensions > 2 ? index(z, size[2]) : 0;
    return i < 0 || j < 0 || k < 0 ? border : texels[(size_t(k) * size[1] + j) * size[0] + i];
  }

  // Wrap and mirror replace the coordinate before anything else.
  double folded(double x) const {
    double whole = std::floor(x), part = x - whole;
    if (!normalised || (mode != cudaAddressModeWrap && mode != cudaAddressModeMirror)) return x;
    return mode == cudaAddressModeMirror && std::fmod(whole, 2) != 0 ? 1 - part : part;
  }

  double sample(double x, double y = 0, double z = 0) const {
    double at[3] = {x, y, z}, weight[3] = {0, 0, 0};
    long low[3] = {0, 0, 0};
    for (int axis = 0; axis < dimensions; ++axis) {
      double place = folded(at[axis]) * (normalised ? size[axis] : 1) - (linear ? 0.5 : 0);
      low[axis] = long(std::floor(place));
      if (linear) weight[axis] = std::floor((place - double(low[axis])) * 256 + 0.5) / 256;  // eight bits of fraction
    }
    double sum = 0;
    for (int corner = 0; corner < 1 << dimensions; ++corner) {
      double share = 1;
      for (int axis = 0; axis < dimensions; ++axis) share *= corner >> axis & 1 ? weight[axis] : 1 - weight[axis];
      if (share != 0) sum += share * texel(low[0] + (corner & 1), low[1] + (corner >> 1 & 1), low[2] + (corner >> 2));
    }
    return sum;
  }
};

inline bool near(double a, double b, double tolerance = 1e-5) {
  return std::fabs(a - b) <= tolerance * (1 + std::fabs(b));
}
