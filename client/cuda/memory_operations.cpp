// Waits for values in memory and writes of values in the order of a stream; every form is a batch.
#include <cstring>
#include <vector>

#include "client/cuda/capture.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/streams.h"
#include "client/session.h"

namespace {

CUresult one(CUstream stream, CUstreamBatchMemOpType type, CUdeviceptr address, uint64_t value, unsigned flags) {
  CUstreamBatchMemOpParams operation{};
  operation.waitValue = {type, address, {}, flags, 0};  // a write has the same fields
  operation.waitValue.value64 = value;
  return cuStreamBatchMemOp_v2(stream, 1, &operation, 0);
}

}  // namespace

OUTBOARD_EXPORT CUresult cuStreamBatchMemOp_v2(CUstream stream, unsigned int count,
                                               CUstreamBatchMemOpParams* paramArray, unsigned int flags) {
  constexpr unsigned most = 256;  // CUDA Driver API, cuStreamBatchMemOp
  if (CUresult result = client::require_context()) return result;
  if ((count && !paramArray) || count > most || flags) return CUDA_ERROR_INVALID_VALUE;
  if (client::capturing(stream))
    return client::capture(stream, client::graph::MemoryOperationsWork{
                                       client::handle_of(client::current()), flags, {paramArray, paramArray + count}});
  CUstream own = client::resolve(stream);
  for (unsigned i = 0; i < count; ++i)
    if (CUresult result = client::before_device_use(paramArray[i].waitValue.address, own)) return result;
  return remote::obStreamMemOps(own, paramArray, count, flags);
}

OUTBOARD_EXPORT CUresult cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value_,
                                                unsigned int flags) {
  return one(stream, CU_STREAM_MEM_OP_WAIT_VALUE_32, addr, value_, flags);
}
OUTBOARD_EXPORT CUresult cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value_,
                                                unsigned int flags) {
  return one(stream, CU_STREAM_MEM_OP_WAIT_VALUE_64, addr, value_, flags);
}
OUTBOARD_EXPORT CUresult cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value_,
                                                 unsigned int flags) {
  return one(stream, CU_STREAM_MEM_OP_WRITE_VALUE_32, addr, value_, flags);
}
OUTBOARD_EXPORT CUresult cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value_,
                                                 unsigned int flags) {
  return one(stream, CU_STREAM_MEM_OP_WRITE_VALUE_64, addr, value_, flags);
}

// The first versions mean the same.
OUTBOARD_EXPORT CUresult cuStreamBatchMemOp(CUstream stream, unsigned int count, CUstreamBatchMemOpParams* paramArray,
                                            unsigned int flags) {
  return cuStreamBatchMemOp_v2(stream, count, paramArray, flags);
}
OUTBOARD_EXPORT CUresult cuStreamWaitValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value_, unsigned int flags) {
  return cuStreamWaitValue32_v2(stream, addr, value_, flags);
}
OUTBOARD_EXPORT CUresult cuStreamWaitValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value_, unsigned int flags) {
  return cuStreamWaitValue64_v2(stream, addr, value_, flags);
}
OUTBOARD_EXPORT CUresult cuStreamWriteValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value_,
                                              unsigned int flags) {
  return cuStreamWriteValue32_v2(stream, addr, value_, flags);
}
OUTBOARD_EXPORT CUresult cuStreamWriteValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value_,
                                              unsigned int flags) {
  return cuStreamWriteValue64_v2(stream, addr, value_, flags);
}
