// Streams: objects of the device with their flags kept here; the per-thread default stream is a hidden one.
#include "client/cuda/streams.h"
#include "client/cuda/textures.h"

#include <map>
#include <memory>
#include <mutex>
#include <new>

#include "client/cuda/arrays.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/memory_map.h"
#include "client/cuda/per_thread.h"
#include "client/cuda/textures.h"
#include "client/session.h"

namespace {

struct Stream {
  client::Context* context;
  unsigned flags;
  int priority;
};

std::mutex lock;
std::map<CUstream, Stream>& streams() {
  static auto* map = new std::map<CUstream, Stream>;
  return *map;
}

const CUstream legacy = reinterpret_cast<CUstream>(1), per_thread = reinterpret_cast<CUstream>(2);

CUresult create(CUstream* stream, unsigned flags, int priority) {
  if (CUresult result = client::require_context()) return result;
  if (!stream || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
  CUresult result = remote::cuStreamCreateWithPriority(stream, flags, priority);
  if (result) return result;
  std::lock_guard hold(lock);
  streams()[*stream] = {client::current(), flags, priority};
  return CUDA_SUCCESS;
}

// Facts of a stream; default streams have the current context's.
CUresult facts(CUstream stream, Stream& found) {
  if (CUresult result = client::require_context()) return result;
  found = {client::current(), 0, 0};
  if (stream == nullptr || stream == legacy || stream == per_thread) return CUDA_SUCCESS;
  std::lock_guard hold(lock);
  auto at = streams().find(stream);
  if (at == streams().end()) return CUDA_ERROR_INVALID_HANDLE;
  found = at->second;
  return CUDA_SUCCESS;
}

// The hidden streams of one thread, by context; given back when the thread ends.
struct Hidden {
  std::map<client::Context*, CUstream> streams;
};

struct Callback {
  CUstreamCallback run;
  CUstream stream;
  void* data;
};

}  // namespace

CUstream client::resolve(CUstream stream) {
  if (stream == legacy || (!stream && !per_thread_default)) return nullptr;
  if (stream && stream != per_thread) return stream;
  thread_local Hidden hidden;
  CUstream& own = hidden.streams[current()];
  if (!own && create(&own, CU_STREAM_DEFAULT, 0)) own = nullptr;
  return own;
}

OUTBOARD_EXPORT CUresult cuStreamCreate(CUstream* phStream, unsigned int Flags) { return create(phStream, Flags, 0); }

OUTBOARD_EXPORT CUresult cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  return create(phStream, flags, priority);
}

OUTBOARD_EXPORT CUresult cuStreamDestroy_v2(CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  std::lock_guard hold(lock);
  if (!streams().erase(hStream)) return CUDA_ERROR_INVALID_HANDLE;
  return remote::cuStreamDestroy_v2(hStream);
}

OUTBOARD_EXPORT CUresult cuStreamGetFlags(CUstream hStream, unsigned int* flags) {
  Stream stream;
  if (CUresult result = facts(hStream, stream)) return result;
  *flags = stream.flags;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamGetPriority(CUstream hStream, int* priority) {
  Stream stream;
  if (CUresult result = facts(hStream, stream)) return result;
  *priority = stream.priority;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamGetCtx(CUstream hStream, CUcontext* pctx) {
  Stream stream;
  if (CUresult result = facts(hStream, stream)) return result;
  *pctx = client::handle_of(stream.context);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamGetCtx_v2(CUstream hStream, CUcontext* pCtx, CUgreenCtx* pGreenCtx) {
  if (pGreenCtx) *pGreenCtx = nullptr;
  return cuStreamGetCtx(hStream, pCtx);
}

OUTBOARD_EXPORT CUresult cuStreamGetDevice(CUstream hStream, CUdevice* device) {
  Stream stream;
  if (CUresult result = facts(hStream, stream)) return result;
  *device = stream.context->device;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamGetId(CUstream hStream, unsigned long long* streamId) {
  Stream stream;
  if (CUresult result = facts(hStream, stream)) return result;
  *streamId = reinterpret_cast<uint64_t>(client::resolve(hStream));
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  Stream stream;
  if (CUresult result = facts(hStream, stream)) return result;
  *captureStatus = CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  thread_local CUstreamCaptureMode own = CU_STREAM_CAPTURE_MODE_GLOBAL;
  if (!mode) return CUDA_ERROR_INVALID_VALUE;
  std::swap(own, *mode);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  if (CUresult result = client::require_context()) return result;
  if (!fn) return CUDA_ERROR_INVALID_VALUE;
  return remote::obHostFunction(client::resolve(hStream), client::register_host_function(fn, userData));
}

OUTBOARD_EXPORT CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData,
                                             unsigned int flags) {
  if (CUresult result = client::require_context()) return result;
  if (!callback || flags) return CUDA_ERROR_INVALID_VALUE;
  auto* kept = new (std::nothrow) Callback{callback, hStream, userData};
  if (!kept) return CUDA_ERROR_OUT_OF_MEMORY;
  auto run = [](void* data) {
    std::unique_ptr<Callback> own(static_cast<Callback*>(data));
    own->run(own->stream, CUDA_SUCCESS, own->data);
  };
  return remote::obHostFunction(client::resolve(hStream), client::register_host_function(run, kept));
}

OUTBOARD_EXPORT CUresult cuCtxSynchronize() {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = client::before_wait()) return result;
  return client::after_wait(remote::cuCtxSynchronize(), true);
}

OUTBOARD_EXPORT CUresult cuStreamSynchronize(CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = client::before_wait()) return result;
  return client::after_wait(remote::cuStreamSynchronize(client::resolve(hStream)), false);
}

OUTBOARD_EXPORT CUresult cuStreamQuery(CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = client::before_wait()) return result;
  return client::after_wait(remote::cuStreamQuery(client::resolve(hStream)), false);
}

// --- events

OUTBOARD_EXPORT CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  if (CUresult result = client::require_context()) return result;
  if (!phEvent || Flags > 7) return CUDA_ERROR_INVALID_VALUE;
  return remote::cuEventCreate(phEvent, Flags);
}

OUTBOARD_EXPORT CUresult cuEventDestroy_v2(CUevent hEvent) {
  if (CUresult result = client::require_context()) return result;
  return hEvent ? remote::cuEventDestroy_v2(hEvent) : CUDA_ERROR_INVALID_HANDLE;
}

OUTBOARD_EXPORT CUresult cuEventSynchronize(CUevent hEvent) {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = client::before_wait()) return result;
  return client::after_wait(remote::cuEventSynchronize(hEvent), false);
}

OUTBOARD_EXPORT CUresult cuEventQuery(CUevent hEvent) {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = client::before_wait()) return result;
  return client::after_wait(remote::cuEventQuery(hEvent), false);
}

OUTBOARD_EXPORT CUresult cuEventElapsedTime_v2(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  return cuEventElapsedTime(pMilliseconds, hStart, hEnd);
}

void client::forget_objects(Context& context) {
  forget_ranges(context);
  forget_shared(context);
  forget_arrays(context);
  forget_textures(context);
  std::lock_guard hold(lock);
  std::erase_if(streams(), [&](const auto& entry) { return entry.second.context == &context; });
}
