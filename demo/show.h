// What both forms of the demonstration do on the host: write a picture, check a product.
#pragma once
#include <png.h>

#include <cstdio>
#include <cstring>
#include <vector>

constexpr int width = 960, height = 720, n = 256;

inline bool write_picture(const char* path, const std::vector<unsigned char>& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width, image.height = height;
  image.format = PNG_FORMAT_RGB;
  if (!png_image_write_to_file(&image, path, 0, pixels.data(), 0, nullptr)) {
    std::fprintf(stderr, "demo: cannot write %s: %s\n", path, image.message);
    return false;
  }
  std::printf("a Mandelbrot set of %d x %d pixels: %s\n", width, height, path);
  return true;
}

// Small whole numbers: every sum is exact, so the product must be too.
inline void fill(std::vector<float>& a, std::vector<float>& b) {
  for (int i = 0; i < n * n; ++i) a[i] = static_cast<float>(i % 7), b[i] = static_cast<float>(i % 5 - 2);
}

inline bool product_is_right(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& c) {
  std::vector<float> expected(n * n);
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < n; ++k)
      for (int j = 0; j < n; ++j) expected[i * n + j] += a[i * n + k] * b[k * n + j];
  bool right = expected == c;
  std::printf("a product of two %d x %d matrices: %s\n", n, n, right ? "every element is right" : "WRONG");
  return right;
}
