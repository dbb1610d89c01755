// Streams of the program, and waiting for them.
#include <algorithm>

#include "device/software/driver/functions.h"
#include "device/software/driver/graph.h"
#include "device/software/driver/limits.h"
#include "device/software/driver/interprocess.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

// The ABI's names for the default streams (cuda.h: CU_STREAM_LEGACY, CU_STREAM_PER_THREAD).
constexpr uintptr_t legacy_handle = 1, per_thread_handle = 2;

CUresult create(CUstream* handle, unsigned flags, int priority) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!handle || (flags & ~static_cast<unsigned>(CU_STREAM_NON_BLOCKING))) return CUDA_ERROR_INVALID_VALUE;
  *handle = reinterpret_cast<CUstream>(device().streams.add(
      context->create_stream(flags, std::clamp(priority, limit::greatest_priority, limit::least_priority))));
  return CUDA_SUCCESS;
}

CUresult find_failed(CUstream handle, std::shared_ptr<Context>& context, std::shared_ptr<Stream>& stream) {
  if (CUresult bad = enter_failed(context)) return bad;
  auto number = reinterpret_cast<uintptr_t>(handle);
  if (number == 0 || number == legacy_handle || number == per_thread_handle) {
    stream = context->legacy();
    return CUDA_SUCCESS;
  }
  stream = device().streams.find(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  context = device().contexts.find(stream->context());
  return context ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

}  // namespace

CUresult find_stream(CUstream handle, std::shared_ptr<Context>& context, std::shared_ptr<Stream>& stream) {
  CUresult result = find_failed(handle, context, stream);
  return result ? result : context->error();
}

CUresult cuStreamCreate(CUstream* phStream, unsigned int Flags) { return create(phStream, Flags, 0); }

CUresult cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  return create(phStream, flags, priority);
}

CUresult cuStreamDestroy_v2(CUstream hStream) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  std::shared_ptr<Stream> stream = device().streams.remove(hStream);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (auto context = device().contexts.find(stream->context())) context->forget_stream(stream);
  return CUDA_SUCCESS;
}

CUresult cuStreamQuery(CUstream hStream) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  if (!context->idle(stream)) return CUDA_ERROR_NOT_READY;
  context->flush();
  return context->error();
}

CUresult cuStreamSynchronize(CUstream hStream) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_failed(hStream, context, stream)) return bad;
  // The legacy stream is only done when the blocking streams before it are.
  if (stream == context->legacy())
    context->wait_turn(stream);
  else
    stream->last().wait();
  context->flush();
  return context->error();
}

CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  std::shared_ptr<Event> event = device().events.find(hEvent);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  if (auto recording = stream->recording()) return recording->add_wait(std::move(event)), CUDA_SUCCESS;
  if (auto shared = event->interprocess; shared && !shared->reached(shared->last()))
    context->submit(stream, [shared, record = shared->last()] { shared->wait(record); });
  std::shared_ptr<Event::Mark> mark;
  {
    std::lock_guard hold(event->lock);
    mark = event->mark;
  }
  if (mark && !mark->place.reached()) context->submit(stream, [] {}, {mark->place});
  return CUDA_SUCCESS;
}

CUresult cuStreamGetPriority(CUstream hStream, int* priority) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  if (!priority) return CUDA_ERROR_INVALID_VALUE;
  *priority = stream->priority();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetFlags(CUstream hStream, unsigned int* flags) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  *flags = stream->flags();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetId(CUstream hStream, unsigned long long* streamId) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  if (!streamId) return CUDA_ERROR_INVALID_VALUE;
  *streamId = stream->id();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCtx(CUstream hStream, CUcontext* pctx) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  *pctx = reinterpret_cast<CUcontext>(context.get());
  return CUDA_SUCCESS;
}

// Managed memory is plain memory here: nothing to attach.
CUresult cuStreamAttachMemAsync(CUstream hStream, CUdeviceptr dptr, size_t, unsigned int) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  return device().memory->find(dptr) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace software
