// Streams: objects of the device with their flags kept here; the per-thread default stream is a hidden one.
#include "client/cuda/streams.h"
#include "client/cuda/textures.h"

#include <map>
#include <memory>
#include <mutex>
#include <new>

#include "client/cuda/arrays.h"
#include "client/cuda/capture.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/conditional.h"
#include "client/cuda/leases.h"
#include "client/cuda/memory_map.h"
#include "client/cuda/modules.h"
#include "client/cuda/per_thread.h"
#include "client/cuda/pools.h"
#include "client/cuda/textures.h"
#include "client/session.h"

namespace {

struct Stream {
  client::Context* context = nullptr;
  unsigned flags = 0;
  int priority = 0;
  std::map<CUstreamAttrID, CUstreamAttrValue> attributes = {};  // that the program set
};

std::mutex lock;
std::map<CUstream, Stream>& streams() {
  static auto* map = new std::map<CUstream, Stream>;
  return *map;
}

// Of the legacy streams.
std::map<std::pair<client::Context*, CUstreamAttrID>, CUstreamAttrValue>& default_attributes() {
  static auto* map = new std::map<std::pair<client::Context*, CUstreamAttrID>, CUstreamAttrValue>;
  return *map;
}

bool is_stream_attribute(CUstreamAttrID attribute) {
  switch (attribute) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN: return true;
    default: return false;
  }
}

const CUstream legacy = reinterpret_cast<CUstream>(1), per_thread = reinterpret_cast<CUstream>(2);

CUresult create(CUstream* stream, unsigned flags, int priority) {
  if (CUresult result = client::require_context()) return result;
  if (!stream || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
  CUresult result = remote::cuStreamCreateWithPriority(stream, flags, priority);
  if (result) return result;
  std::lock_guard hold(lock);
  streams()[*stream] = {client::current(), flags, priority, {}};
  return CUDA_SUCCESS;
}

// Facts of a stream; default streams have the current context's.
CUresult facts(CUstream stream, Stream& found) {
  if (CUresult result = client::require_context()) return result;
  found = {client::current(), 0, 0, {}};
  CUstream own = client::resolve(stream);
  std::lock_guard hold(lock);
  if (!own) {
    for (const auto& [key, value] : default_attributes())
      if (key.first == found.context) found.attributes[key.second] = value;
    return CUDA_SUCCESS;
  }
  auto at = streams().find(own);
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

bool client::is_stream(CUstream own) {
  std::lock_guard hold(lock);
  return !own || streams().contains(own);
}

bool client::is_blocking(CUstream own) {
  std::lock_guard hold(lock);
  auto at = streams().find(own);
  return at != streams().end() && !(at->second.flags & CU_STREAM_NON_BLOCKING);
}

OUTBOARD_EXPORT CUresult cuStreamCreate(CUstream* phStream, unsigned int Flags) { return create(phStream, Flags, 0); }

OUTBOARD_EXPORT CUresult cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  return create(phStream, flags, priority);
}

OUTBOARD_EXPORT CUresult cuStreamDestroy_v2(CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  client::forget_captured(hStream);
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

// No stream belongs to a green context, since none can be made.
OUTBOARD_EXPORT CUresult cuStreamGetGreenCtx(CUstream hStream, CUgreenCtx* phCtx) {
  Stream stream;
  if (!phCtx) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = facts(hStream, stream)) return result;
  *phCtx = nullptr;
  return CUDA_SUCCESS;
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

OUTBOARD_EXPORT CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  if (CUresult result = client::require_context()) return result;
  if (!fn) return CUDA_ERROR_INVALID_VALUE;
  if (client::capturing(hStream)) return client::capture(hStream, client::graph::HostWork{fn, userData});
  return remote::obHostFunction(client::resolve(hStream), client::register_host_function(fn, userData));
}

OUTBOARD_EXPORT CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData,
                                             unsigned int flags) {
  if (CUresult result = client::require_context()) return result;
  if (!callback || flags) return CUDA_ERROR_INVALID_VALUE;
  if (client::capturing(hStream)) return client::refuse_capture(hStream);
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
  if (CUresult result = client::check_context_use()) return result;
  if (CUresult result = client::before_wait()) return result;
  CUresult result = client::after_wait(remote::cuCtxSynchronize(), true);
  client::trim_pools();
  return result;
}

OUTBOARD_EXPORT CUresult cuStreamSynchronize(CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  if (client::capturing(hStream)) return client::refuse_capture(hStream);
  if (CUresult result = client::check_unsafe_call()) return result;
  if (CUresult result = client::before_wait()) return result;
  CUresult result = client::after_wait(remote::cuStreamSynchronize(client::resolve(hStream)), false);
  client::trim_pools();
  return result;
}

OUTBOARD_EXPORT CUresult cuStreamQuery(CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  if (client::capturing(hStream)) return client::refuse_capture(hStream);
  if (CUresult result = client::check_unsafe_call()) return result;
  if (CUresult result = client::before_wait()) return result;
  return client::after_wait(remote::cuStreamQuery(client::resolve(hStream)), false);
}

// --- attributes (CUDA Driver API, CUstreamAttrID). None changes what a program sees; what it sets, it gets back.

OUTBOARD_EXPORT CUresult cuStreamGetAttribute(CUstream hStream, CUstreamAttrID attr, CUstreamAttrValue* value_) {
  Stream stream;
  if (CUresult result = facts(hStream, stream)) return result;
  if (!value_ || !is_stream_attribute(attr)) return CUDA_ERROR_INVALID_VALUE;
  *value_ = {};
  if (attr == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY) value_->syncPolicy = CU_SYNC_POLICY_AUTO;
  if (attr == CU_LAUNCH_ATTRIBUTE_PRIORITY) value_->priority = stream.priority;
  if (auto set = stream.attributes.find(attr); set != stream.attributes.end()) *value_ = set->second;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamSetAttribute(CUstream hStream, CUstreamAttrID attr, const CUstreamAttrValue* param) {
  if (CUresult result = client::require_context()) return result;
  if (!param || !is_stream_attribute(attr)) return CUDA_ERROR_INVALID_VALUE;
  CUstream own = client::resolve(hStream);
  std::lock_guard hold(lock);
  if (!own) return default_attributes()[{client::current(), attr}] = *param, CUDA_SUCCESS;
  auto at = streams().find(own);
  if (at == streams().end()) return CUDA_ERROR_INVALID_HANDLE;
  at->second.attributes[attr] = *param;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamCopyAttributes(CUstream dstStream, CUstream srcStream) {
  Stream from, to;
  if (CUresult result = facts(srcStream, from)) return result;
  if (CUresult result = facts(dstStream, to)) return result;
  for (const auto& [id, value] : from.attributes)
    if (CUresult result = cuStreamSetAttribute(dstStream, id, &value)) return result;
  return CUDA_SUCCESS;
}

void client::forget_objects(Context& context) {
  forget_modules(context);
  graph::forget_conditions(context);
  forget_ranges(context);
  forget_shared(context);
  forget_arrays(context);
  forget_textures(context);
  forget_pool_memory(context);
  forget_lease(context);
  forget_context(context.number);
  std::lock_guard hold(lock);
  std::erase_if(streams(), [&](const auto& entry) { return entry.second.context == &context; });
}
