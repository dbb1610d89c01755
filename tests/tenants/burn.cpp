// Keeps the device busy: burn SECONDS BLOCKS ITERATIONS BATCH [START]. Prints how many launches of a second ended;
// START (seconds since 1970) lets several begin together.
#include <unistd.h>

#include <chrono>

#include "tests/check/driver.h"

using driver::call;

namespace {

constexpr const char* code =
    ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .entry burn(.param .u64 out, .param .u32 turns)\n{\n"
    ".reg .u64 %a; .reg .u32 %n; .reg .f32 %f; .reg .pred %p;\n"
    "ld.param.u64 %a, [out]; ld.param.u32 %n, [turns]; mov.f32 %f, 0f3F800000;\n"
    "AGAIN:\nfma.rn.f32 %f, %f, 0f3F800347, 0f3F000000;\nsub.u32 %n, %n, 1; setp.ne.u32 %p, %n, 0; @%p bra AGAIN;\n"
    "st.global.f32 [%a], %f;\nret;\n}\n";

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) return 2;
  const double seconds = std::atof(arguments[1]);
  unsigned blocks = static_cast<unsigned>(std::atoi(arguments[2])),
           turns = static_cast<unsigned>(std::atoi(arguments[3]));
  const int batch = std::atoi(arguments[4]);
  CUcontext context = nullptr;
  CUmodule module = nullptr;
  CUfunction burn = nullptr;
  CUdeviceptr out = 0;
  call("cuInit", 0u);
  call("cuDevicePrimaryCtxRetain", &context, 0);
  call("cuCtxSetCurrent", context);
  call("cuMemAlloc_v2", &out, size_t{4096});
  call("cuModuleLoadData", &module, static_cast<const void*>(code));
  call("cuModuleGetFunction", &burn, module, "burn");
  void* parameters[] = {&out, &turns};
  auto launch = [&] {
    call("cuLaunchKernel", burn, blocks, 1u, 1u, 128u, 1u, 1u, 0u, CUstream{}, static_cast<void**>(parameters),
         static_cast<void**>(nullptr));
  };
  launch();
  call("cuCtxSynchronize");
  if (count > 5)
    while (now() < std::atof(arguments[5])) usleep(500);
  const double begin = now();
  long done = 0;
  while (now() - begin < seconds) {
    for (int i = 0; i < batch; ++i) launch();
    call("cuCtxSynchronize");
    done += batch;
  }
  std::printf("%.2f\n", static_cast<double>(done) / (now() - begin));
}
