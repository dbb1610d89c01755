// Whether a call to a stream is recorded instead of done.
#pragma once
#include "device/nvidia/vendor.h"

namespace nvidia {

// Nothing else is ever captured in a worker but a graph of the client's.
inline bool is_recorded(CUstream stream) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  return stream && vendor().cuStreamIsCapturing(stream, &status) == CUDA_SUCCESS &&
         status == CU_STREAM_CAPTURE_STATUS_ACTIVE;
}

}  // namespace nvidia
