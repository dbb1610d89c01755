// Memory and events of other processes (CUDA Driver API, cuIpc...). A handle holds the token of shared memory of the
// process that made it; whoever opens it is a process of the same user on the same machine.
#include <sys/mman.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include "api/window.h"
#include "base/log.h"
#include "device/software/driver/checking.h"
#include "device/software/driver/functions.h"
#include "device/software/driver/interprocess.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

constexpr uint64_t granularity = uint64_t{2} << 20;
constexpr size_t counters_bytes = 4096;
constexpr unsigned lazy_peer_access = 1;  // CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS

struct MemoryHandle {
  char mark[4] = {'O', 'B', 'I', 'M'};
  uint32_t ordinal = 0;
  base::SharedMemoryToken token{};
  uint64_t offset = 0, size = 0;  // of the allocation in the shared memory
};
struct EventHandle {
  char mark[4] = {'O', 'B', 'I', 'E'};
  uint32_t flags = 0;
  base::SharedMemoryToken token{};
};
static_assert(sizeof(MemoryHandle) <= sizeof(CUipcMemHandle) && sizeof(EventHandle) <= sizeof(CUipcEventHandle));

// What this process has opened: where it is mapped, and how often it was opened.
struct Opened {
  base::SharedMemoryToken token{};
  uint64_t offset = 0;
  uint64_t range = 0, range_size = 0;  // reserved addresses
  unsigned uses = 0;
};
struct AllOpened {
  std::mutex lock;
  std::map<uint64_t, Opened> by_address;
};
AllOpened& opened() {
  static auto* made = new AllOpened;
  return *made;
}

bool same(const base::SharedMemoryToken& a, const base::SharedMemoryToken& b) {
  return a.process == b.process && std::memcmp(a.random, b.random, sizeof a.random) == 0;
}

CUresult gone(const std::string& reason) {
  base::log(base::Level::error, "memory of another process cannot be opened", {{"reason", reason}});
  return CUDA_ERROR_INVALID_VALUE;
}

// Maps the pages of the allocation into a range of this process's window.
CUresult map_shared(const MemoryHandle& handle, const base::SharedMemory& memory, uint64_t& address, Opened& made) {
  if (handle.offset > memory.size() || handle.size == 0 || handle.size > memory.size() - handle.offset)
    return CUDA_ERROR_INVALID_VALUE;
  const uint64_t before = handle.offset % granularity;
  const uint64_t from = handle.offset - before;
  const uint64_t bytes =
      std::min((before + handle.size + granularity - 1) / granularity * granularity, memory.size() - from);
  const uint64_t room = (bytes + granularity - 1) / granularity * granularity;
  Memory& window = *device().memory;
  uint64_t range = window.reserve_range(room, granularity);
  if (!range) return CUDA_ERROR_OUT_OF_MEMORY;
  if (!window.map(range, bytes, memory.descriptor(), from, handle.ordinal) ||
      !window.protect(range, bytes, true, true)) {
    window.release_range(range, room);
    return CUDA_ERROR_MAP_FAILED;
  }
  address = range + before;
  made = {handle.token, handle.offset, range, room, 1};
  return CUDA_SUCCESS;
}

}  // namespace

std::shared_ptr<InterprocessEvent> InterprocessEvent::map(base::SharedMemory memory) {
  if (memory.size() < counters_bytes) return nullptr;
  void* at = mmap(nullptr, counters_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.descriptor(), 0);
  if (at == MAP_FAILED) return nullptr;
  struct Made : InterprocessEvent {
    Made(base::SharedMemory from, Counters* counters) : InterprocessEvent(std::move(from), counters) {}
  };
  return std::make_shared<Made>(std::move(memory), static_cast<Counters*>(at));
}

std::shared_ptr<InterprocessEvent> InterprocessEvent::create() {
  auto memory = base::SharedMemory::create(counters_bytes);
  return memory ? map(std::move(memory.value())) : nullptr;
}

std::shared_ptr<InterprocessEvent> InterprocessEvent::open(const base::SharedMemoryToken& token) {
  auto memory = base::SharedMemory::open(token);
  return memory ? map(std::move(memory.value())) : nullptr;
}

InterprocessEvent::~InterprocessEvent() { munmap(counters_, counters_bytes); }

uint64_t InterprocessEvent::announce() {
  counters_->process = getpid();
  return ++counters_->announced;
}

void InterprocessEvent::complete(uint64_t record) {
  uint64_t before = counters_->completed;
  while (before < record && !counters_->completed.compare_exchange_weak(before, record)) {
  }
}

uint64_t InterprocessEvent::last() const { return counters_->announced; }
bool InterprocessEvent::reached(uint64_t record) const { return counters_->completed >= record; }

void InterprocessEvent::wait(uint64_t record) const {
  for (unsigned round = 0; !reached(record); ++round) {
    std::this_thread::sleep_for(std::chrono::microseconds(round < 50 ? 20 : 500));
    if (round % 256 == 255 && kill(counters_->process, 0) != 0 && errno == ESRCH) {
      base::log(base::Level::error, "an event's process ended before it got there; nobody waits any more", {});
      return;
    }
  }
}

CUresult cuIpcGetMemHandle(CUipcMemHandle* pHandle, CUdeviceptr dptr) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!pHandle) return CUDA_ERROR_INVALID_VALUE;
  std::optional<Allocation> allocation = device().memory->find(dptr);
  if (!allocation || allocation->kind != MemoryKind::device) return CUDA_ERROR_INVALID_VALUE;
  context->wait_all();  // its pages move
  std::optional<Memory::Shared> shared = device().memory->share(dptr);
  if (!shared) return CUDA_ERROR_OUT_OF_MEMORY;
  note_written(allocation->address, allocation->size);
  MemoryHandle handle;
  handle.ordinal = allocation->ordinal;
  handle.token = shared->token;
  handle.offset = shared->offset;
  handle.size = allocation->size;
  std::memset(pHandle, 0, sizeof *pHandle);
  std::memcpy(pHandle, &handle, sizeof handle);
  return CUDA_SUCCESS;
}

CUresult cuIpcOpenMemHandle_v2(CUdeviceptr* pdptr, CUipcMemHandle bytes, unsigned int Flags) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  MemoryHandle handle;
  std::memcpy(static_cast<void*>(&handle), &bytes, sizeof handle);
  if (!pdptr || (Flags & ~lazy_peer_access) || std::memcmp(handle.mark, MemoryHandle{}.mark, sizeof handle.mark) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  if (handle.token.process == getpid()) return CUDA_ERROR_INVALID_CONTEXT;  // not for the process that exported it
  if (!device().has(static_cast<CUdevice>(handle.ordinal))) return CUDA_ERROR_INVALID_DEVICE;
  std::lock_guard hold(opened().lock);
  for (auto& [address, each] : opened().by_address) {
    if (!same(each.token, handle.token) || each.offset != handle.offset) continue;
    ++each.uses;
    *pdptr = address;
    return CUDA_SUCCESS;
  }
  auto memory = base::SharedMemory::open(handle.token);
  if (!memory) return gone(memory.error());
  uint64_t address = 0;
  Opened made;
  if (CUresult bad = map_shared(handle, memory.value(), address, made)) return bad;
  opened().by_address[address] = made;
  *pdptr = address;
  return CUDA_SUCCESS;
}

CUresult cuIpcCloseMemHandle(CUdeviceptr dptr) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  context->wait_all();
  std::lock_guard hold(opened().lock);
  auto found = opened().by_address.find(dptr);
  if (found == opened().by_address.end()) return CUDA_ERROR_INVALID_VALUE;
  if (--found->second.uses) return CUDA_SUCCESS;
  Memory& window = *device().memory;
  std::optional<Allocation> mapping = window.find(found->second.range);
  if (mapping) window.unmap(mapping->address, mapping->size);
  window.release_range(found->second.range, found->second.range_size);
  opened().by_address.erase(found);
  return CUDA_SUCCESS;
}

CUresult cuIpcGetEventHandle(CUipcEventHandle* pHandle, CUevent event_handle) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<Event> event = device().events.find(event_handle);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  if (!pHandle || !event->interprocess) return CUDA_ERROR_INVALID_VALUE;
  EventHandle handle;
  handle.flags = event->flags;
  handle.token = event->interprocess->token();
  std::memset(pHandle, 0, sizeof *pHandle);
  std::memcpy(pHandle, &handle, sizeof handle);
  return CUDA_SUCCESS;
}

CUresult cuIpcOpenEventHandle(CUevent* phEvent, CUipcEventHandle bytes) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  EventHandle handle;
  std::memcpy(static_cast<void*>(&handle), &bytes, sizeof handle);
  if (!phEvent || std::memcmp(handle.mark, EventHandle{}.mark, sizeof handle.mark) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  auto event = std::make_shared<Event>();
  event->context = context.get();
  event->flags = handle.flags | CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING;
  event->interprocess = InterprocessEvent::open(handle.token);
  if (!event->interprocess) return gone("the process that made the event is gone, or is another user's");
  *phEvent = reinterpret_cast<CUevent>(device().events.add(std::move(event)));
  return CUDA_SUCCESS;
}

}  // namespace software
