// Memory that several clients map. The descriptor of an exported allocation stays here; what travels is its token,
// which another client's worker on this machine opens.
#include <cstring>
#include <map>
#include <mutex>
#include <memory>

#include "base/log.h"
#include "base/shared_memory.h"
#include "server/cuda/worker.h"

namespace worker {
namespace {

static_assert(sizeof(SharedToken) == sizeof(base::SharedMemoryToken));

// Exported memory stays open until this process ends: a token that was handed out must not become void.
struct Exported {
  std::mutex lock;
  std::map<CUmemGenericAllocationHandle, base::SharedMemory> all;
};
Exported& exported() {
  static auto* made = new Exported;
  return *made;
}

}  // namespace

CUresult obMemExport(CUmemGenericAllocationHandle handle, SharedToken* token) {
  std::lock_guard hold(exported().lock);
  int descriptor = -1;
  CUresult result =
      session().driver().cuMemExportToShareableHandle(&descriptor, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
  if (result) return result;
  auto memory = base::SharedMemory::adopt(base::Fd(descriptor));
  if (!memory) {
    base::log(base::Level::error, "this device's memory cannot be handed to other processes",
              {{"reason", memory.error()}});
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  base::SharedMemoryToken made = memory.value().token();
  exported().all.insert_or_assign(handle, std::move(memory.value()));
  std::memcpy(token, &made, sizeof made);
  return CUDA_SUCCESS;
}

CUresult obMemImport(CUmemGenericAllocationHandle* handle, const SharedToken* token) {
  base::SharedMemoryToken wanted;
  std::memcpy(&wanted, token, sizeof wanted);
  auto memory = base::SharedMemory::open(wanted);
  if (!memory) {
    base::log(base::Level::error, "memory of another process cannot be opened", {{"reason", memory.error()}});
    return CUDA_ERROR_INVALID_VALUE;
  }
  void* descriptor = reinterpret_cast<void*>(static_cast<intptr_t>(memory.value().descriptor()));
  return session().driver().cuMemImportFromShareableHandle(handle, descriptor,
                                                           CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
}

CUresult obMemRange(CUdeviceptr address, CUdeviceptr* begin, size_t* size) {
  return session().driver().cuMemGetAddressRange_v2(begin, size, address);
}

}  // namespace worker
