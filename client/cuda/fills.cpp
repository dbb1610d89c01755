// Fills of device memory with a pattern of 1, 2 or 4 bytes, at once or as nodes of a graph that is being captured.
#include "client/cuda/capture.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/streams.h"
#include "client/session.h"

namespace {

// Before a fill of the default stream.
CUresult ready(CUdeviceptr address) {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = client::check_legacy_use()) return result;
  return client::before_device_use(address, nullptr);
}

// fill(stream), or a node that does the same.
template <class Fill>
CUresult in_stream(const CUDA_MEMSET_NODE_PARAMS_v2& params, CUstream stream, Fill fill) {
  if (CUresult result = client::require_context()) return result;
  if (client::capturing(stream)) return client::capture(stream, client::graph::FillWork{params});
  CUstream own = client::resolve(stream);
  if (CUresult result = client::before_device_use(params.dst, own)) return result;
  return fill(own);
}

}  // namespace

#define LINE(bits, type)                                                                                       \
  OUTBOARD_EXPORT CUresult cuMemsetD##bits##_v2(CUdeviceptr to, type value, size_t count) {                    \
    if (CUresult result = ready(to)) return result;                                                            \
    return remote::cuMemsetD##bits##_v2(to, value, count);                                                     \
  }                                                                                                            \
  OUTBOARD_EXPORT CUresult cuMemsetD##bits##Async(CUdeviceptr to, type value, size_t count, CUstream stream) { \
    return in_stream({to, 0, value, bits / 8, count, 1, nullptr}, stream,                                      \
                     [=](CUstream own) { return remote::cuMemsetD##bits##Async(to, value, count, own); });     \
  }
#define PLANE(bits, type)                                                                                   \
  OUTBOARD_EXPORT CUresult cuMemsetD2D##bits##_v2(CUdeviceptr to, size_t pitch, type value, size_t width,   \
                                                  size_t height) {                                          \
    if (CUresult result = ready(to)) return result;                                                         \
    return remote::cuMemsetD2D##bits##_v2(to, pitch, value, width, height);                                 \
  }                                                                                                         \
  OUTBOARD_EXPORT CUresult cuMemsetD2D##bits##Async(CUdeviceptr to, size_t pitch, type value, size_t width, \
                                                    size_t height, CUstream stream) {                       \
    return in_stream({to, pitch, value, bits / 8, width, height, nullptr}, stream, [=](CUstream own) {      \
      return remote::cuMemsetD2D##bits##Async(to, pitch, value, width, height, own);                        \
    });                                                                                                     \
  }

LINE(8, unsigned char)
LINE(16, unsigned short)
LINE(32, unsigned int)
PLANE(8, unsigned char)
PLANE(16, unsigned short)
PLANE(32, unsigned int)
