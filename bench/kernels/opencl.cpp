// The same kernels through OpenCL (PoCL from Debian).
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "bench/kernels/device.h"

namespace {

constexpr const char* dialect = R"(
#define KERNEL kernel void
#define DEVICE
#define GLOBAL global
#define LOCAL local
#define THREAD(d) (int)get_local_id(d)
#define GROUP(d) (int)get_group_id(d)
#define SIZE(d) (int)get_local_size(d)
#define GROUPS(d) (int)get_num_groups(d)
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define ADD_LOCAL(p) atomic_inc(p)
#define ADD_GLOBAL(p, n) atomic_add(p, n)
#define RSQRT rsqrt
#define EXP exp
#define LOG log
#define SQRT sqrt
#define FABS fabs
)";

// OpenCL 1.2 has no shuffles: the same sum with shared memory.
constexpr const char* reduction = R"(
kernel void reduce_shuffle(global const float* x, global float* sums, int n) {
  local float part[256];
  int t = get_local_id(0);
  float sum = 0;
  for (int i = get_global_id(0); i < n; i += get_global_size(0)) sum += x[i];
  part[t] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int s = 128; s > 0; s >>= 1) {
    if (t < s) part[t] += part[t + s];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (t == 0) sums[get_group_id(0)] = part[0];
}
)";

void require(cl_int result, const char* what) {
  if (result == CL_SUCCESS) return;
  std::fprintf(stderr, "bench: %s: OpenCL error %d\n", what, result);
  std::exit(1);
}

class Gpu {
 public:
  explicit Gpu(const std::string& kernels) {
    cl_platform_id platform;
    require(clGetPlatformIDs(1, &platform, nullptr), "platform");
    require(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device_, nullptr), "device");
    cl_int result;
    context_ = clCreateContext(nullptr, 1, &device_, nullptr, nullptr, &result);
    require(result, "context");
    queue_ = clCreateCommandQueue(context_, device_, 0, &result);
    require(result, "queue");
    std::string text = dialect + kernels + reduction;
    const char* source = text.c_str();
    program_ = clCreateProgramWithSource(context_, 1, &source, nullptr, &result);
    require(result, "program");
    require(clBuildProgram(program_, 1, &device_, "", nullptr, nullptr), "build");
  }
  template <class T>
  struct Buffer {
    cl_mem memory;
  };
  template <class T>
  Buffer<T> buffer(size_t count) {
    cl_int result;
    cl_mem made = clCreateBuffer(context_, CL_MEM_READ_WRITE, count * sizeof(T), nullptr, &result);
    require(result, "buffer");
    return {made};
  }
  template <class T>
  Buffer<T> upload(const std::vector<T>& values) {
    auto made = buffer<T>(values.size());
    require(clEnqueueWriteBuffer(queue_, made.memory, CL_TRUE, 0, values.size() * sizeof(T), values.data(), 0, nullptr,
                                 nullptr),
            "write");
    return made;
  }
  template <class T>
  std::vector<T> download(Buffer<T> from, size_t count) {
    std::vector<T> values(count);
    require(clEnqueueReadBuffer(queue_, from.memory, CL_TRUE, 0, count * sizeof(T), values.data(), 0, nullptr, nullptr),
            "read");
    return values;
  }
  template <class... A>
  void run(const std::string& name, bench::Extent groups, bench::Extent threads, A... arguments) {
    cl_int result;
    cl_kernel kernel = clCreateKernel(program_, name.c_str(), &result);
    require(result, name.c_str());
    cl_uint index = 0;
    (require(clSetKernelArg(kernel, index++, sizeof arguments, &arguments), "argument"), ...);
    size_t global[2] = {size_t{groups.x} * threads.x, size_t{groups.y} * threads.y}, local[2] = {threads.x, threads.y};
    require(clEnqueueNDRangeKernel(queue_, kernel, 2, nullptr, global, local, 0, nullptr, nullptr), name.c_str());
    clReleaseKernel(kernel);
  }
  void wait() { require(clFinish(queue_), "finish"); }
  void shuffle(Buffer<float> x, Buffer<float> sums) {
    auto once = [&] {
      run("reduce_shuffle", {1024}, {256}, x, sums, bench::vector_size);
      wait();
    };
    once();
    bench::report("reduce_shuffle_16m", 4e-9 * bench::vector_size, bench::sum_of(download(sums, 1024)), once);
  }

 private:
  cl_device_id device_;
  cl_context context_;
  cl_command_queue queue_;
  cl_program program_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return std::fprintf(stderr, "usage: kernels_opencl KERNELS [NAME]\n"), 2;
  std::ifstream file(arguments[1]);
  std::stringstream text;
  text << file.rdbuf();
  Gpu gpu(text.str());
  bench::run_all(gpu, count > 2 ? arguments[2] : "");
}
