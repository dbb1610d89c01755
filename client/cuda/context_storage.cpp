// Context-local storage: a list of (context, key, value), run down when a context goes.
#include "client/cuda/context_storage.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "client/cuda/contexts.h"

namespace client {
namespace {

struct Entry {
  Context* context;
  void* key;
  void* value;
  StorageDestructor destructor;
};

// Leaked: cudart removes its entries from exit handlers, after static destructors may have run.
struct Storage {
  std::mutex lock;
  std::vector<Entry> entries;
};
Storage& storage() {
  static auto* the = new Storage;
  return *the;
}

Context* named(CUcontext handle) { return handle ? find_context(handle) : current(); }

std::vector<Entry>::iterator find(Context* context, void* key) {  // caller holds the lock
  auto& entries = storage().entries;
  return std::find_if(entries.begin(), entries.end(),
                      [&](const Entry& entry) { return entry.context == context && entry.key == key; });
}

}  // namespace

CUresult put_storage(CUcontext handle, void* key, void* value, StorageDestructor destructor) {
  Context* context = named(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  std::lock_guard guard(storage().lock);
  auto entry = find(context, key);
  if (entry == storage().entries.end())
    storage().entries.push_back({context, key, value, destructor});
  else
    *entry = {context, key, value, destructor};
  return CUDA_SUCCESS;
}

CUresult get_storage(void** value, CUcontext handle, void* key) {
  Context* context = named(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  std::lock_guard guard(storage().lock);
  auto entry = find(context, key);
  if (entry == storage().entries.end()) return CUDA_ERROR_INVALID_HANDLE;
  *value = entry->value;
  return CUDA_SUCCESS;
}

CUresult remove_storage(CUcontext handle, void* key) {
  Context* context = named(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  std::lock_guard guard(storage().lock);
  auto entry = find(context, key);
  if (entry == storage().entries.end()) return CUDA_ERROR_INVALID_HANDLE;
  storage().entries.erase(entry);
  return CUDA_SUCCESS;
}

// The destructors run without the lock: they may call back into the storage.
void forget_storage(Context& context) {
  std::vector<Entry> gone;
  {
    std::lock_guard guard(storage().lock);
    auto& entries = storage().entries;
    auto kept = std::partition(entries.begin(), entries.end(), [&](const Entry& e) { return e.context != &context; });
    gone.assign(kept, entries.end());
    entries.erase(kept, entries.end());
  }
  for (const Entry& entry : gone)
    if (entry.destructor) entry.destructor(handle_of(&context), entry.key, entry.value);
}

}  // namespace client
