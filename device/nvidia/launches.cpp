// Launches of kernels and graphs, measured (meter.h).
#include "device/nvidia/capturing.h"
#include "device/nvidia/functions.h"
#include "device/nvidia/meter.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

template <class Launch>
CUresult measured(CUstream stream, Launch launch) {
  CUcontext context = nullptr;
  if (!meter().counts() || is_recorded(stream) || vendor().cuCtxGetCurrent(&context) || !context) return launch();
  CUevent begin = meter().begin(context, stream);
  CUresult result = launch();
  result ? meter().drop(context, begin) : meter().end(context, stream, begin);
  return result;
}

}  // namespace

CUresult cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                        unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                        unsigned int sharedMemBytes, CUstream hStream, void** kernelParams, void** extra) {
  return measured(hStream, [&] {
    return vendor().cuLaunchKernel(f, gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes,
                                   hStream, kernelParams, extra);
  });
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams, void** extra) {
  return measured(config->hStream, [&] { return vendor().cuLaunchKernelEx(config, f, kernelParams, extra); });
}

CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) {
  return measured(hStream, [&] { return vendor().cuGraphLaunch(hGraphExec, hStream); });
}

}  // namespace nvidia
