// Copies in graphs. The host's memory is read and written at every launch, when the copy's turn comes.
#pragma once
#include "client/cuda/graph/exec.h"

namespace client::graph {

// One copy, recorded on `recorder`.
CUresult record_copy(const CUDA_MEMCPY3D& copy, HostSide& host, CUstream recorder);

}  // namespace client::graph
