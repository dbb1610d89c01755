// Events: places in streams with the time at which they were reached.
#include <chrono>

#include "device/software/driver/functions.h"
#include "device/software/driver/graph.h"
#include "device/software/driver/interprocess.h"
#include "device/software/driver/state.h"

namespace software {

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

namespace {

// The last record of an event; nullptr when there was none.
CUresult find_mark(CUevent handle, std::shared_ptr<Event::Mark>& mark, unsigned* flags = nullptr) {
  std::shared_ptr<Event> event = device().events.find(handle);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  std::lock_guard hold(event->lock);
  mark = event->mark;
  if (flags) *flags = event->flags;
  return CUDA_SUCCESS;
}

std::shared_ptr<InterprocessEvent> interprocess_of(CUevent handle) {
  std::shared_ptr<Event> event = device().events.find(handle);
  return event ? event->interprocess : nullptr;
}

CUresult record(CUevent handle, CUstream stream_handle) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(stream_handle, context, stream)) return bad;
  std::shared_ptr<Event> event = device().events.find(handle);
  if (!event || event->context != context.get()) return CUDA_ERROR_INVALID_HANDLE;
  if (auto recording = stream->recording()) return recording->add_record(std::move(event)), CUDA_SUCCESS;
  auto mark = std::make_shared<Event::Mark>();
  if (auto shared = event->interprocess) {
    mark->place = context->submit(stream, [shared, record = shared->announce()] { shared->complete(record); });
  } else if (context->idle(stream)) {
    mark->time = now();
  } else {
    // The task holds the mark, whose place holds the stream: a cycle that ends when the task has run.
    mark->place = context->submit(
        stream, [mark] { mark->time = now(); }, {}, Runner::anyone);
  }
  std::lock_guard hold(event->lock);
  event->mark = std::move(mark);
  return CUDA_SUCCESS;
}

CUresult elapsed(float* milliseconds, CUevent start, CUevent end) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!milliseconds) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Event::Mark> from, to;
  unsigned from_flags = 0, to_flags = 0;
  if (CUresult bad = find_mark(start, from, &from_flags)) return bad;
  if (CUresult bad = find_mark(end, to, &to_flags)) return bad;
  if (!from || !to || ((from_flags | to_flags) & CU_EVENT_DISABLE_TIMING)) return CUDA_ERROR_INVALID_HANDLE;
  if (!from->place.reached() || !to->place.reached()) return CUDA_ERROR_NOT_READY;
  *milliseconds = static_cast<float>(static_cast<double>(to->time - from->time) * 1e-6);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  constexpr unsigned known = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if (!phEvent || (Flags & ~known)) return CUDA_ERROR_INVALID_VALUE;
  const bool interprocess = Flags & CU_EVENT_INTERPROCESS;
  if (interprocess && !(Flags & CU_EVENT_DISABLE_TIMING)) return CUDA_ERROR_INVALID_VALUE;
  auto event = std::make_shared<Event>();
  event->context = context.get();
  event->flags = Flags;
  if (interprocess && !(event->interprocess = InterprocessEvent::create())) return CUDA_ERROR_OUT_OF_MEMORY;
  *phEvent = reinterpret_cast<CUevent>(device().events.add(std::move(event)));
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent hEvent) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  return device().events.remove(hEvent) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuEventRecord(CUevent hEvent, CUstream hStream) { return record(hEvent, hStream); }

CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int) { return record(hEvent, hStream); }

CUresult cuEventQuery(CUevent hEvent) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<Event::Mark> mark;
  if (CUresult bad = find_mark(hEvent, mark)) return bad;
  auto shared = interprocess_of(hEvent);
  if (shared && !shared->reached(shared->last())) return CUDA_ERROR_NOT_READY;
  if (mark && !mark->place.reached()) return CUDA_ERROR_NOT_READY;
  return context->error();
}

CUresult cuEventSynchronize(CUevent hEvent) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter_failed(context)) return bad;
  std::shared_ptr<Event::Mark> mark;
  if (CUresult bad = find_mark(hEvent, mark)) return bad;
  if (auto shared = interprocess_of(hEvent)) shared->wait(shared->last());
  if (mark) mark->place.wait();
  context->flush();
  return context->error();
}

CUresult cuEventElapsedTime(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  return elapsed(pMilliseconds, hStart, hEnd);
}

CUresult cuEventElapsedTime_v2(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  return elapsed(pMilliseconds, hStart, hEnd);
}

}  // namespace software
