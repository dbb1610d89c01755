// The two kernels of the demonstration. kernels.ptx is made from this file: nvcc -ptx -arch=compute_75 -x cu kernels.cuh
extern "C" __global__ void mandelbrot(unsigned char* pixels, int width, int height) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  float cr = 3.2f * x / width - 2.3f, ci = 2.4f * y / height - 1.2f, r = 0, i = 0;
  int count = 0;
  for (; count < 255 && r * r + i * i < 4; ++count) {
    float next = r * r - i * i + cr;
    i = 2 * r * i + ci;
    r = next;
  }
  unsigned char* pixel = pixels + 3 * (y * width + x);
  pixel[0] = count == 255 ? 0 : 9 * count, pixel[1] = count == 255 ? 0 : 5 * count, pixel[2] = count == 255 ? 0 : 60 + 3 * count;
}

// c = a * b, square matrices of n columns; tiles of 16 x 16 in shared memory.
extern "C" __global__ void multiply(const float* a, const float* b, float* c, int n) {
  __shared__ float left[16][16], right[16][16];
  int column = blockIdx.x * 16 + threadIdx.x, row = blockIdx.y * 16 + threadIdx.y;
  float sum = 0;
  for (int tile = 0; tile < n; tile += 16) {
    left[threadIdx.y][threadIdx.x] = a[row * n + tile + threadIdx.x];
    right[threadIdx.y][threadIdx.x] = b[(tile + threadIdx.y) * n + column];
    __syncthreads();
    for (int k = 0; k < 16; ++k) sum += left[threadIdx.y][k] * right[k][threadIdx.x];
    __syncthreads();
  }
  c[row * n + column] = sum;
}
