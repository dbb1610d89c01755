// Contexts as objects: order across streams, the sticky error, printed text.
#include "device/software/driver/state.h"

#include <cstdio>

#include "device/software/driver/graph.h"

namespace software {
namespace {

constexpr size_t default_stack = 1024, default_heap = 8 << 20, default_fifo = 1 << 20;

}  // namespace

const Kernel& Function::kernel() const { return module->program->kernels()[index]; }

bool& in_host_function() {
  static thread_local bool is = false;
  return is;
}

Context::Context(unsigned on, unsigned context_flags, uint64_t id) : MemoryOwner{on}, flags(context_flags), id_(id) {
  set_up();
}

bool Device::is_primary(const Context* context) {
  Ordinal& at = ordinals[context->ordinal];
  std::lock_guard hold(at.lock);
  return at.primary.get() == context;
}

// Defaults: CUDA C++ Programming Guide ("Formatted Output", "Heap Memory Allocation") and cuCtxSetLimit.
void Context::set_up() {
  legacy_ = std::make_shared<Stream>(this, 0u, 0, ++device().numbers);
  heap_ = std::make_unique<Heap>(*device().memory, this, default_heap);
  limits = {{CU_LIMIT_CIG_ENABLED, 0},  // no graphics share the device; cuBLAS asks
            {CU_LIMIT_CIG_SHMEM_FALLBACK_ENABLED, 0},
            {CU_LIMIT_STACK_SIZE, default_stack},
            {CU_LIMIT_PRINTF_FIFO_SIZE, default_fifo},
            {CU_LIMIT_MALLOC_HEAP_SIZE, default_heap},
            {CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH, 2},
            {CU_LIMIT_DEV_RUNTIME_PENDING_LAUNCH_COUNT, 2048},
            {CU_LIMIT_MAX_L2_FETCH_GRANULARITY, 64},
            {CU_LIMIT_PERSISTING_L2_CACHE_SIZE, 0},
            {CU_LIMIT_CIG_ENABLED, 0}};  // cuBLAS refuses a device that does not know this one
  error_ = CUDA_SUCCESS;
}

std::shared_ptr<Stream> Context::create_stream(unsigned stream_flags, int priority) {
  auto stream = std::make_shared<Stream>(this, stream_flags, priority, ++device().numbers);
  std::lock_guard hold(order_);
  std::erase_if(streams_, [](const auto& other) { return other->finished(); });
  streams_.insert(stream);
  return stream;
}

// Its pending work stays in the order of things until it is done.
void Context::forget_stream(const std::shared_ptr<Stream>& stream) {
  std::lock_guard hold(order_);
  stream->close();
  if (stream->finished()) streams_.erase(stream);
}

std::shared_ptr<Stream> Context::legacy() {
  std::lock_guard hold(order_);
  return legacy_;
}

std::vector<Place> Context::turn(const std::shared_ptr<Stream>& stream) {
  std::vector<Place> places;
  if (stream == legacy_) {
    for (const auto& other : streams_)
      if (!(other->flags() & CU_STREAM_NON_BLOCKING) && !other->idle()) places.push_back(other->last());
  } else if (!(stream->flags() & CU_STREAM_NON_BLOCKING) && !legacy_->idle()) {
    places.push_back(legacy_->last());
  }
  return places;
}

Place Context::submit(const std::shared_ptr<Stream>& stream, Stream::Task task, std::vector<Place> after, Runner runner,
                      size_t holds) {
  if (auto recording = stream ? stream->recording() : nullptr) return recording->add(std::move(task)), Place{};
  std::unique_lock hold(order_);
  if (!(stream ? stream : legacy_)->has_room()) {
    const auto full = stream ? stream : legacy_;
    hold.unlock();
    full->wait_for_room();
    hold.lock();
  }
  const auto& target = stream ? stream : legacy_;
  for (Place& place : turn(target)) after.push_back(std::move(place));
  return target->submit(std::move(task), std::move(after), runner, holds);
}

bool Context::idle(const std::shared_ptr<Stream>& stream) {
  if (stream && stream->recording()) return false;  // nothing may run at once
  std::lock_guard hold(order_);
  const auto& target = stream ? stream : legacy_;
  return target->idle() && turn(target).empty();
}

void Context::wait_turn(const std::shared_ptr<Stream>& stream) {
  std::vector<Place> places;
  {
    std::lock_guard hold(order_);
    const auto& target = stream ? stream : legacy_;
    places = turn(target);
    places.push_back(target->last());
  }
  for (const Place& place : places) place.wait();
}

std::vector<Place> Context::all_places() {
  std::vector<Place> places;
  std::lock_guard hold(order_);
  for (const auto& stream : streams_) places.push_back(stream->last());
  places.push_back(legacy_->last());
  return places;
}

void Context::wait_all() {
  for (const Place& place : all_places()) place.wait();
}

void Context::fail(CUresult result) {
  CUresult none = CUDA_SUCCESS;
  error_.compare_exchange_strong(none, result);
}

void Context::print(std::string standard_output, std::string standard_error) {
  size_t most;
  {
    std::lock_guard hold(limits_lock);
    most = limits[CU_LIMIT_PRINTF_FIFO_SIZE];
  }
  bool full;
  {
    std::lock_guard hold(print_lock_);
    printed_ += standard_output;
    complaints_ += standard_error;
    full = printed_.size() > most;
  }
  if (full) flush();  // a GPU would drop the oldest text here; nobody misses that
}

// The C library's streams, so that the text takes its place among the program's own.
void Context::flush() {
  std::lock_guard hold(print_lock_);
  if (!printed_.empty()) {
    std::fwrite(printed_.data(), 1, printed_.size(), stdout);
    std::fflush(stdout);
    printed_.clear();
  }
  if (!complaints_.empty()) {
    std::fwrite(complaints_.data(), 1, complaints_.size(), stderr);
    std::fflush(stderr);
    complaints_.clear();
  }
}

// Kernels may be endless. What has not come to its end after a while is given up, and what waits behind it never runs.
void Context::end_work() {
  constexpr std::chrono::nanoseconds patience = std::chrono::seconds(2), turn = std::chrono::milliseconds(1);
  auto end = std::chrono::steady_clock::now() + patience;
  for (const Place& place : all_places()) {
    if (place.wait_for(std::max(end - std::chrono::steady_clock::now(), std::chrono::nanoseconds(0)))) continue;
    fail(CUDA_ERROR_CONTEXT_IS_DESTROYED);
    do device().pool.cancel(this);
    while (!place.wait_for(turn));
  }
}

void Context::clear() {
  end_work();
  flush();
  Device& all = device();
  auto mine = [this](const auto& object) { return object.context == this; };
  all.streams.remove_if([this](const Stream& stream) { return stream.context() == this; });
  all.events.remove_if(mine);
  all.functions.remove_if([this](const Function& function) { return function.module->context == this; });
  all.texture_references.remove_if(mine);
  all.modules.remove_if(mine);
  all.textures.remove_of(this);
  all.mipmapped_arrays.remove_if(mine);
  all.arrays.remove_if(mine);
  all.graphs.remove_if(mine);
  all.graph_execs.remove_if(mine);
  std::lock_guard hold(order_);
  for (const auto& stream : streams_) stream->close();
  legacy_->close();
  streams_.clear();
  all.memory->free_all(this);
  set_up();
}

}  // namespace software
