// Events: places in streams, of the device or of a graph that is being captured.
#include "client/cuda/capture.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/streams.h"
#include "client/session.h"

OUTBOARD_EXPORT CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  if (CUresult result = client::require_context()) return result;
  if (!phEvent || Flags > 7) return CUDA_ERROR_INVALID_VALUE;
  return remote::cuEventCreate(phEvent, Flags);
}

OUTBOARD_EXPORT CUresult cuEventDestroy_v2(CUevent hEvent) {
  if (CUresult result = client::require_context()) return result;
  if (!hEvent) return CUDA_ERROR_INVALID_HANDLE;
  if (client::captured_events) client::forget_captured(hEvent);
  return remote::cuEventDestroy_v2(hEvent);
}

OUTBOARD_EXPORT CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  if (CUresult result = client::require_context()) return result;
  if (!hEvent) return CUDA_ERROR_INVALID_HANDLE;
  if (flags > CU_EVENT_RECORD_EXTERNAL) return CUDA_ERROR_INVALID_VALUE;
  CUresult result = CUDA_SUCCESS;
  if (client::capture_record(hEvent, hStream, flags, result)) return result;
  return remote::cuEventRecord(hEvent, client::resolve(hStream));
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
  return client::after_wait(remote::cuEventSynchronize(hEvent), false);
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
