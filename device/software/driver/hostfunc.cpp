// Functions of the program that run when a stream gets to them. They must not call the driver; enter() sees to it.
#include "device/software/driver/functions.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

// Marks the thread while a host function runs on it.
class InHostFunction {
 public:
  InHostFunction() { in_host_function() = true; }
  ~InHostFunction() { in_host_function() = false; }
};

}  // namespace

CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  if (!fn) return CUDA_ERROR_INVALID_VALUE;
  context->submit(stream, [context, fn, userData] {
    if (context->error()) return;  // not called in a failed context: CUDA Driver API, cuLaunchHostFunc
    InHostFunction mark;
    fn(userData);
  });
  return CUDA_SUCCESS;
}

CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  if (!callback || flags) return CUDA_ERROR_INVALID_VALUE;
  context->submit(stream, [context, hStream, callback, userData] {
    context->flush();
    InHostFunction mark;
    callback(hStream, context->error(), userData);  // with the error, unlike host functions
  });
  return CUDA_SUCCESS;
}

}  // namespace software
