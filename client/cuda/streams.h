// Streams as the program names them. The server knows the legacy default stream (0) and created ones only.
#pragma once
#include "api/cuda/abi.h"

namespace client {

// 0 and CU_STREAM_LEGACY become 0; CU_STREAM_PER_THREAD, and 0 in a per-thread call, become this thread's
// hidden stream of the current context, made at first use. Others stay as they are.
CUstream resolve(CUstream stream);

// Of streams as the server knows them.
bool is_stream(CUstream own);
bool is_blocking(CUstream own);  // waits for the legacy stream and it for this one; false for the legacy stream itself

// After a copy to or from `host`: waits for it where the memory is pageable, for then the call returns when the bytes
// are there, or have been read (CUDA Driver API, "API synchronization behavior"). Not while the stream is captured.
CUresult settle_pageable(const void* host, CUstream stream);

}  // namespace client
