// Events: places in streams, of the device or of a graph that is being captured.
#include <atomic>
#include <mutex>
#include <set>

#include "client/cuda/capture.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/pools.h"
#include "client/cuda/streams.h"
#include "client/session.h"

namespace {

// Events that other processes see. Another process may look at one as soon as this one's record has returned, so that
// these records may not wait in a queue (CUDA Driver API, cuIpcGetEventHandle).
class InterprocessEvents {
 public:
  void add(CUevent event) {
    std::lock_guard guard(lock_);
    events_.insert(event);
    any_ = true;
  }
  void remove(CUevent event) {
    if (!any_) return;
    std::lock_guard guard(lock_);
    events_.erase(event);
    any_ = !events_.empty();
  }
  bool has(CUevent event) {
    if (!any_) return false;
    std::lock_guard guard(lock_);
    return events_.contains(event);
  }

 private:
  std::mutex lock_;
  std::set<CUevent> events_;
  std::atomic<bool> any_ = false;  // most programs have none
};

// Leaked on purpose: code that runs at exit still uses it.
InterprocessEvents& interprocess() {
  static auto* the = new InterprocessEvents;
  return *the;
}

// Returns when the device has been told of the record: a query goes behind it and is answered.
CUresult told(CUevent event) {
  CUresult result = remote::cuEventQuery(event);
  return result == CUDA_ERROR_NOT_READY ? CUDA_SUCCESS : result;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  if (CUresult result = client::require_context()) return result;
  if (!phEvent || Flags > 7) return CUDA_ERROR_INVALID_VALUE;
  if ((Flags & CU_EVENT_INTERPROCESS) && !(Flags & CU_EVENT_DISABLE_TIMING)) return CUDA_ERROR_INVALID_VALUE;
  CUresult result = remote::cuEventCreate(phEvent, Flags);
  if (!result && (Flags & CU_EVENT_INTERPROCESS)) interprocess().add(*phEvent);
  return result;
}

OUTBOARD_EXPORT CUresult cuIpcOpenEventHandle(CUevent* phEvent, CUipcEventHandle handle) {
  if (CUresult result = client::require_context()) return result;
  CUresult result = remote::cuIpcOpenEventHandle(phEvent, handle);
  if (!result) interprocess().add(*phEvent);
  return result;
}

OUTBOARD_EXPORT CUresult cuEventDestroy_v2(CUevent hEvent) {
  if (CUresult result = client::require_context()) return result;
  if (!hEvent) return CUDA_ERROR_INVALID_HANDLE;
  if (client::captured_events) client::forget_captured(hEvent);
  interprocess().remove(hEvent);
  return remote::cuEventDestroy_v2(hEvent);
}

OUTBOARD_EXPORT CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  if (CUresult result = client::require_context()) return result;
  if (!hEvent) return CUDA_ERROR_INVALID_HANDLE;
  if (flags > CU_EVENT_RECORD_EXTERNAL) return CUDA_ERROR_INVALID_VALUE;
  CUresult result = CUDA_SUCCESS;
  if (client::capture_record(hEvent, hStream, flags, result)) return result;
  if ((result = remote::cuEventRecord(hEvent, client::resolve(hStream)))) return result;
  return interprocess().has(hEvent) ? told(hEvent) : CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuEventRecord(CUevent hEvent, CUstream hStream) {
  return cuEventRecordWithFlags(hEvent, hStream, CU_EVENT_RECORD_DEFAULT);
}

OUTBOARD_EXPORT CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags) {
  if (CUresult result = client::require_context()) return result;
  if (!hEvent) return CUDA_ERROR_INVALID_HANDLE;
  if (Flags > CU_EVENT_WAIT_EXTERNAL) return CUDA_ERROR_INVALID_VALUE;
  CUresult result = CUDA_SUCCESS;
  if (client::capture_wait(hStream, hEvent, Flags, result)) return result;
  return remote::cuStreamWaitEvent(client::resolve(hStream), hEvent, 0);
}

OUTBOARD_EXPORT CUresult cuEventSynchronize(CUevent hEvent) {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = client::check_event_use(hEvent)) return result;
  if (CUresult result = client::before_wait()) return result;
  CUresult result = client::after_wait(remote::cuEventSynchronize(hEvent), false);
  client::trim_pools();
  return result;
}

OUTBOARD_EXPORT CUresult cuEventQuery(CUevent hEvent) {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = client::check_event_use(hEvent)) return result;
  if (CUresult result = client::before_wait()) return result;
  return client::after_wait(remote::cuEventQuery(hEvent), false);
}

OUTBOARD_EXPORT CUresult cuEventElapsedTime_v2(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  return cuEventElapsedTime(pMilliseconds, hStart, hEnd);
}
