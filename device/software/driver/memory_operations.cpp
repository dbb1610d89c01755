// Waits for values in memory and writes of values, in the order of a stream (CUDA Driver API, "Stream Memory
// Operations").
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "device/software/driver/checking.h"
#include "device/software/driver/copying.h"
#include "device/software/driver/functions.h"
#include "device/software/driver/state.h"
#include "device/software/run/faults.h"

namespace software {
namespace {

using Operation = CUstreamBatchMemOpParams;

bool is_wait(const Operation& operation) {
  return operation.operation == CU_STREAM_MEM_OP_WAIT_VALUE_32 || operation.operation == CU_STREAM_MEM_OP_WAIT_VALUE_64;
}

size_t bytes_of(const Operation& operation) {
  return operation.operation == CU_STREAM_MEM_OP_WAIT_VALUE_64 || operation.operation == CU_STREAM_MEM_OP_WRITE_VALUE_64
             ? 8
             : 4;
}

template <class T, class Signed>
bool holds(T now, T wanted, unsigned flags) {
  switch (flags & ~static_cast<unsigned>(CU_STREAM_WAIT_VALUE_FLUSH)) {
    case CU_STREAM_WAIT_VALUE_GEQ: return static_cast<Signed>(now - wanted) >= 0;  // cyclic, as documented
    case CU_STREAM_WAIT_VALUE_EQ: return now == wanted;
    case CU_STREAM_WAIT_VALUE_AND: return (now & wanted) != 0;
    default: return static_cast<T>(~(now | wanted)) != 0;  // NOR
  }
}

bool holds(const Operation& operation, uint64_t now) {
  const auto& wait = operation.waitValue;
  return bytes_of(operation) == 8 ? holds<uint64_t, int64_t>(now, wait.value64, wait.flags)
                                  : holds<uint32_t, int32_t>(static_cast<uint32_t>(now), wait.value, wait.flags);
}

// Looks often at first, then every now and then: a wait may be long.
void wait(Context& context, const Operation& operation) {
  for (unsigned looks = 0; context.error() == CUDA_SUCCESS && context.alive; ++looks) {
    uint64_t now = 0;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    auto* from = reinterpret_cast<const void*>(operation.waitValue.address);
    if (!guarded_copy(&now, from, bytes_of(operation))) return context.fail(CUDA_ERROR_ILLEGAL_ADDRESS);
    if (holds(operation, now)) return;
    if (looks < 1000)
      sched_yield();
    else
      usleep(50);
  }
}

void run(Context& context, const Operation& operation) {
  if (context.error()) return;
  if (is_wait(operation)) return wait(context, operation);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (operation.operation != CU_STREAM_MEM_OP_WRITE_VALUE_32 && operation.operation != CU_STREAM_MEM_OP_WRITE_VALUE_64)
    return;  // barriers: the fence was it
  const auto& write = operation.writeValue;
  note_written(write.address, bytes_of(operation));
  if (!guarded_copy(reinterpret_cast<void*>(write.address), &write.value64, bytes_of(operation)))
    context.fail(CUDA_ERROR_ILLEGAL_ADDRESS);
}

CUresult check(const Operation& operation) {
  constexpr unsigned wait_flags = CU_STREAM_WAIT_VALUE_NOR | CU_STREAM_WAIT_VALUE_FLUSH;
  switch (operation.operation) {
    case CU_STREAM_MEM_OP_WAIT_VALUE_32:
    case CU_STREAM_MEM_OP_WAIT_VALUE_64:
      if (operation.waitValue.flags & ~wait_flags) return CUDA_ERROR_INVALID_VALUE;
      break;
    case CU_STREAM_MEM_OP_WRITE_VALUE_32:
    case CU_STREAM_MEM_OP_WRITE_VALUE_64:
      if (operation.writeValue.flags > CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER) return CUDA_ERROR_INVALID_VALUE;
      break;
    case CU_STREAM_MEM_OP_BARRIER:
    case CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES: return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  uint64_t address = operation.waitValue.address;
  bool good = address % bytes_of(operation) == 0 && accessible(address, bytes_of(operation));
  return good ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

CUresult cuStreamBatchMemOp_v2(CUstream hStream, unsigned int count, CUstreamBatchMemOpParams* paramArray,
                               unsigned int flags) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  if ((count && !paramArray) || flags) return CUDA_ERROR_INVALID_VALUE;
  std::vector<Operation> operations(paramArray, paramArray + count);
  for (const Operation& operation : operations)
    if (CUresult bad = check(operation)) return bad;
  context->submit(stream, [context, operations = std::move(operations)] {
    for (const Operation& operation : operations) run(*context, operation);
  });
  return CUDA_SUCCESS;
}

}  // namespace software
