// What the software GPU's driver knows: its devices, their contexts, and the objects in them.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "api/cuda/abi.h"
#include "device/software/check/checker.h"
#include "device/software/codegen/compiler.h"
#include "device/software/driver/arrays.h"
#include "device/software/driver/stream.h"
#include "device/software/driver/textures.h"
#include "device/software/run/heap.h"
#include "device/software/run/pool.h"
#include "device/software/run/window.h"

namespace software {

struct Capability {
  int major = 9, minor = 0;
};
// What the device says it is; OUTBOARD_CC ("8.6") overrides. The one place that decides.
Capability claimed_capability();

// Objects by address, so that a stale or invented handle is found out. Thread-safe.
template <class Object>
class Handles {
 public:
  Object* add(std::shared_ptr<Object> object) {
    std::lock_guard hold(lock_);
    Object* handle = object.get();
    objects_.emplace(handle, std::move(object));
    return handle;
  }
  std::shared_ptr<Object> find(const void* handle) const {
    std::lock_guard hold(lock_);
    auto found = objects_.find(handle);
    return found == objects_.end() ? nullptr : found->second;
  }
  std::shared_ptr<Object> remove(const void* handle) {
    std::lock_guard hold(lock_);
    auto found = objects_.find(handle);
    if (found == objects_.end()) return nullptr;
    std::shared_ptr<Object> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }
  template <class Visit>
  void each(Visit visit) const {
    std::lock_guard hold(lock_);
    for (const auto& [handle, object] : objects_) visit(object);
  }
  // Removes and returns those that `chosen` says.
  template <class Chosen>
  std::vector<std::shared_ptr<Object>> remove_if(Chosen chosen) {
    std::lock_guard hold(lock_);
    std::vector<std::shared_ptr<Object>> removed;
    for (auto at = objects_.begin(); at != objects_.end();) {
      auto next = std::next(at);
      if (chosen(*at->second)) {
        removed.push_back(std::move(at->second));
        objects_.erase(at);
      }
      at = next;
    }
    return removed;
  }

 private:
  mutable std::mutex lock_;
  std::unordered_map<const void*, std::shared_ptr<Object>> objects_;
};

class InterprocessEvent;

struct Event {
  const void* context = nullptr;
  unsigned flags = 0;
  struct Mark {
    Place place;
    std::atomic<int64_t> time{0};  // nanoseconds of the steady clock
  };
  std::mutex lock;
  std::shared_ptr<Mark> mark;                       // of the last record here; nullptr: none
  std::shared_ptr<InterprocessEvent> interprocess;  // CU_EVENT_INTERPROCESS: records of all processes
};

struct Module;

struct Function {
  Module* module = nullptr;
  size_t index = 0;  // in Program::kernels()
  std::atomic<int> max_dynamic_shared{48 << 10};
  std::atomic<int> carveout{-1};
  std::atomic<bool> large_clusters{false};  // more blocks than every device takes
  std::atomic<int> cluster_policy{0};
  std::atomic<uint32_t> local_bytes{0};  // known after the first launch
  const Kernel& kernel() const;
};

struct Module {
  const void* context = nullptr;
  std::unique_ptr<Program> program;
  std::vector<std::unique_ptr<Function>> functions;  // in the order of kernels()
  std::vector<uint64_t> variables;                   // device memory to free
  std::vector<std::unique_ptr<TextureReference>> references;
};

struct Graph;
class GraphExec;
struct UserObject {
  std::shared_ptr<void> held;  // calls the program's destructor with its last copy
};

// Memory of cuMemCreate: it has no address until it is mapped.
struct Physical {
  Physical(base::SharedMemory from, unsigned on, bool counts) : memory(std::move(from)), ordinal(on), charged(counts) {}
  ~Physical();
  base::SharedMemory memory;
  unsigned ordinal;
  bool charged;  // counts against the device's limit
};

class Context : public MemoryOwner {
 public:
  Context(unsigned ordinal, unsigned flags, uint64_t id);

  uint64_t id() const { return id_; }
  std::atomic<unsigned> flags;
  std::atomic<bool> alive{true};
  std::mutex peers_lock;
  std::set<const Context*> peers;  // whose memory this one may touch: cuCtxEnablePeerAccess

  // --- streams. Null is the legacy default stream, which waits for all blocking streams and they for it.
  std::shared_ptr<Stream> create_stream(unsigned flags, int priority);
  void forget_stream(const std::shared_ptr<Stream>& stream);
  std::shared_ptr<Stream> legacy();
  // Runs the task in its turn. nullptr as stream: the legacy default stream.
  Place submit(const std::shared_ptr<Stream>& stream, Stream::Task task, std::vector<Place> after = {},
               Runner runner = Runner::streams_own, size_t holds = 0);
  // Nothing is pending that a task submitted to `stream` now would have to wait for.
  bool idle(const std::shared_ptr<Stream>& stream);
  // Waits for what a task submitted to `stream` now would wait for.
  void wait_turn(const std::shared_ptr<Stream>& stream);
  void wait_all();

  // --- the sticky error: the first failure of a kernel or copy, kept until the context is gone
  CUresult error() const { return error_.load(); }
  void fail(CUresult result);

  // --- what kernels printed, kept until the program synchronises
  void print(std::string standard_output, std::string standard_error);
  void flush();

  std::mutex limits_lock;
  std::map<int, size_t> limits;
  Heap& heap() { return *heap_; }

  // Ends everything in the context; it can be used anew afterwards (the primary context's reset).
  void clear();

 private:
  std::vector<Place> turn(const std::shared_ptr<Stream>& stream);  // with order_ held
  std::vector<Place> all_places();
  void end_work();
  void set_up();

  const uint64_t id_;
  std::mutex order_;  // of submissions across streams
  std::shared_ptr<Stream> legacy_;
  std::unordered_set<std::shared_ptr<Stream>> streams_;  // without the legacy stream
  std::atomic<CUresult> error_{CUDA_SUCCESS};
  std::mutex print_lock_;
  std::string printed_, complaints_;
  std::unique_ptr<Heap> heap_;
};

// One of the devices that the process has; they differ in nothing but their memory and their primary context.
struct Ordinal {
  std::mutex lock;
  std::shared_ptr<Context> primary;
  unsigned uses = 0;  // of the primary context
  unsigned flags = 0;
};

// What all devices of this process share: the address window, the threads, the handles.
struct Device {
  explicit Device(unsigned count) : ordinals(count) {}
  bool has(CUdevice ordinal) const { return ordinal >= 0 && static_cast<size_t>(ordinal) < ordinals.size(); }
  bool is_primary(const Context* context);

  std::unique_ptr<Memory> memory;
  std::unique_ptr<Checker> checker;  // nullptr: nothing is checked
  Pool pool{Pool::default_threads()};
  std::string name;
  std::atomic<uint64_t> numbers{0};  // of contexts and streams

  Handles<Context> contexts;
  Handles<Stream> streams;
  Handles<Event> events;
  Handles<Module> modules;
  Handles<Function> functions;  // each keeps its module
  Handles<Array> arrays;
  Handles<Physical> physical;
  Handles<MipmappedArray> mipmapped_arrays;
  Handles<TextureReference> texture_references;  // each of a module keeps it
  TextureObjects textures;
  Handles<Graph> graphs;
  Handles<GraphExec> graph_execs;
  Handles<UserObject> user_objects;

  std::vector<Ordinal> ordinals;
};

// The process's devices; made by outboard_device, never destroyed: threads and programs use it until exit.
Device& device();
bool device_exists();

// The beginning of most functions: the calling thread's context, unless it is missing, dead or failed.
CUresult enter(std::shared_ptr<Context>& context);
// The same for calls that a failed context still answers (destruction, queries of state).
CUresult enter_failed(std::shared_ptr<Context>& context);
// The stream that a handle names: nullptr and CU_STREAM_LEGACY are the current context's default stream.
CUresult find_stream(CUstream handle, std::shared_ptr<Context>& context, std::shared_ptr<Stream>& stream);

// True on a thread that runs a host function, which must not call the driver.
bool& in_host_function();

}  // namespace software
