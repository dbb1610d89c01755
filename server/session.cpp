// The life of a client's session. Whatever the peer sends that is not the protocol ends this process and nothing else.
#include "server/session.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "api/opcode.h"
#include "base/log.h"
#include "server/rows.h"

namespace server {
namespace {

using wire::Kind;

constexpr int most_threads = 256;                 // of a client that call at once
constexpr size_t bulk_from = size_t{32} << 10;    // bytes of a frame; smaller ones are cheap to copy
constexpr size_t kept_buffer = size_t{32} << 20;  // larger ones are given back after use
constexpr std::byte zeros[8] = {};

// What kernels print appears when the program launches, waits, copies or loads a module, not when it only asks (CUDA
// C++ Programming Guide, "Formatted Output", limitations): such answers need no look into the pipes.
bool shows_output(uint32_t opcode) {
  static constexpr uint32_t quiet[] = {
      api::opcode("cuStreamQuery"),   api::opcode("cuEventQuery"),  api::opcode("cuMemAlloc_v2"),
      api::opcode("cuMemGetInfo_v2"), api::opcode("obHostMap"),     api::opcode("obLease"),
      api::opcode("obQueryEvent"),    api::opcode("obQueryStream"), api::opcode("cuEventElapsedTime")};
  return std::ranges::find(quiet, opcode) == std::end(quiet);
}

// To a number that one thread at a time changes and others only read.
void count(std::atomic<uint64_t>& number, uint64_t more) {
  number.store(number.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

iovec piece(const void* bytes, size_t size) { return {const_cast<void*>(bytes), size}; }

}  // namespace

// Room for one payload, not cleared: the size is the peer's word, but only bytes that arrive touch memory.
class ClientSession::Buffer {
 public:
  std::span<std::byte> room(size_t size) {
    if (size > size_ || size_ > kept_buffer) {
      bytes_.reset();
      bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
      size_ = size;
    }
    return {bytes_.get(), size};
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  size_t size_ = 0;
};

ClientSession::ClientSession(links::Link link, const device::Driver& driver, const device::Checks* checks,
                             const device::Leases* leases, Output& output)
    : link_(std::move(link)), input_(link_), driver_(driver), checks_(checks), leases_(leases), output_(output) {}

void ClientSession::run() {
  std::thread([this] { watch(); }).detach();
  ++threads_;
  follow();
  end("", false);
}

void ClientSession::end(const char* reason, bool broken) {
  if (broken) base::log(base::Level::warn, "session-ended", {{"reason", reason}});
  _exit(broken ? 1 : 0);
}

// A client that takes nothing is not waited for.
void ClientSession::dismiss(const std::string& reason) {
  std::thread([] { sleep(1), _exit(0); }).detach();
  const std::string text = "outboard: the server ended this session: " + reason + "\n";
  send_bytes(Kind::output, 2, text.data(), text.size());
  end("", false);
}

// --- who reads

void ClientSession::follow() {
  Buffer buffer;
  try {
    for (;;) {
      acquire_lead();
      lead(buffer);
    }
  } catch (const std::bad_alloc&) {
    end("out of memory", true);
  }
}

void ClientSession::acquire_lead() {
  std::unique_lock hold(lead_lock_);
  ++followers_;
  lead_free_.wait(hold, [this] { return !led_; });
  --followers_;
  led_ = true;
}

void ClientSession::pass_lead() {
  bool spawn = false;
  {
    std::lock_guard hold(lead_lock_);
    led_ = false;
    spawn = followers_ == 0 && threads_ < most_threads;
    if (spawn) ++threads_;
  }
  if (spawn)
    std::thread([this] { follow(); }).detach();
  else
    lead_free_.notify_one();
}

// Runs frames until the lead is passed on.
void ClientSession::lead(Buffer& buffer) {
  for (;;) {
    Frame frame = read_frame(buffer);
    switch (frame.head.kind) {
      case Kind::post:
        run_call(frame, false);
        if (frame.in_place) link_.channel().release(frame.payload.size());
        break;
      case Kind::call:
        pass_lead();
        run_call(frame, true);
        return;
      case Kind::call_alone: {
        uint64_t mine = alone_.load(std::memory_order_relaxed) + 1;
        alone_.store(mine, std::memory_order_release);
        run_call(frame, true);
        if (!alone_.compare_exchange_strong(mine, mine + 1)) return;  // the monitor passed the lead on
        break;
      }
      case Kind::host_function_done: {
        std::lock_guard hold(host_lock_);
        host_functions_.erase(frame.head.number);
        host_done_.notify_all();
        break;
      }
      default: end("the client sent a frame that only servers send", true);
    }
  }
}

ClientSession::Frame ClientSession::read_frame(Buffer& buffer) {
  Frame frame{};
  if (!input_.read(&frame.head, sizeof frame.head)) end("", false);
  if (lease_ && !lease_->held()) end("the server has lost its lease", true);
  if (frame.head.size > wire::max_request || frame.head.size % 8) end("a frame has an impossible length", true);
  count(traffic_->frames, 1);
  count(traffic_->bytes_in, sizeof frame.head + frame.head.size);
  // A one-way call is over before the next frame is read, so its bulk may stay where the client put it.
  if (frame.head.kind == Kind::post && frame.head.size >= bulk_from)
    frame.payload = link_.channel().view(frame.head.size);
  frame.in_place = !frame.payload.empty();
  if (frame.in_place) return frame;
  frame.payload = buffer.room(frame.head.size);
  if (!input_.read(frame.payload.data(), frame.payload.size())) end("the client closed in the middle of a frame", true);
  if (frame.head.kind == Kind::post) posts_.keep(frame.payload);
  if (frame.head.kind == Kind::again) restore(frame, buffer);
  return frame;
}

// A post again becomes the post that it stands for, in memory of its own: a call may change what it is given.
void ClientSession::restore(Frame& frame, Buffer& buffer) {
  std::span<const std::byte> payload = posts_.restore(frame.head.number, frame.payload);
  if (payload.empty()) end("a post resembles none that came before", true);
  frame.head.kind = Kind::post;
  frame.payload = buffer.room(payload.size());
  std::ranges::copy(payload, frame.payload.begin());
}

// --- calls

CUresult ClientSession::enter_context(uint64_t number) {
  thread_local uint64_t entered = 0;
  if (number == entered) return CUDA_SUCCESS;
  void* context = number ? objects_.find(number, &api::type_of<CUcontext>) : nullptr;
  if (number && !context) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  CUresult result = driver_.cuCtxSetCurrent(static_cast<CUcontext>(context));
  if (result == CUDA_SUCCESS) entered = number;
  return result;
}

void ClientSession::note_error(CUresult result) {
  int none = 0;
  if (result != CUDA_SUCCESS) pending_.compare_exchange_strong(none, static_cast<int>(result));
}

void ClientSession::run_call(const Frame& frame, bool replies) {
  Call call(objects_, frame.payload, frame.in_place);
  const Function* function = find_function(call.head().opcode);
  if (!function) function = find_internal_function(call.head().opcode);
  wire::ReplyHead head{CUDA_ERROR_NOT_SUPPORTED, 0};
  std::span<std::byte> payload{reinterpret_cast<std::byte*>(&head), sizeof head};
  if (function) {
    if (CUresult result = enter_context(call.head().context)) {
      head.result = result;
    } else {
      function->serve(driver_, call);
      if (!call.well_formed()) {
        base::log(base::Level::warn, "malformed-call", {{"function", function->name}});
        end("a call does not fit its function", true);
      }
      payload = call.reply();
    }
  }
  if (replies && shows_output(call.head().opcode)) forward_output();
  if (replies) return reply(frame.head.number, payload);
  std::memcpy(&head, payload.data(), sizeof head);
  note_error(static_cast<CUresult>(head.result));
}

void ClientSession::reply(uint64_t number, std::span<std::byte> payload) {
  wire::ReplyHead head;
  std::memcpy(&head, payload.data(), sizeof head);
  head.pending = pending_.exchange(0);
  std::memcpy(payload.data(), &head, sizeof head);
  iovec pieces[] = {{}, piece(payload.data(), payload.size()), {}};
  send(Kind::reply, number, pieces, payload.size());
}

// --- what goes to the client

// pieces[0] and the last are left free by the caller, for the head and the padding.
void ClientSession::send(Kind kind, uint64_t number, std::span<iovec> pieces, size_t size) {
  wire::FrameHead head{static_cast<uint32_t>(wire::padded(size)), kind, number};
  pieces.front() = piece(&head, sizeof head);
  pieces.back() = piece(zeros, wire::padded(size) - size);
  std::lock_guard hold(send_lock_);
  count(traffic_->bytes_out, sizeof head + head.size);
  if (!link_.write_all(pieces)) end("", false);
}

void ClientSession::send_bytes(Kind kind, uint64_t number, const void* bytes, size_t size) {
  wire::BytesHead head{size};
  iovec pieces[] = {{}, piece(&head, sizeof head), piece(bytes, size), {}};
  send(kind, number, pieces, sizeof head + size);
}

void ClientSession::send_data(uint64_t transfer, const void* bytes, size_t size) {
  send_bytes(Kind::data, transfer, bytes, size);
}

void ClientSession::send_reached(uint64_t watch, CUresult result) {
  wire::ReachedHead head{static_cast<int32_t>(result), 0};
  iovec pieces[] = {{}, piece(&head, sizeof head), {}};
  send(Kind::reached, watch, pieces, sizeof head);
}

void ClientSession::forward_output() {
  output_.drain([this](int stream, std::span<const std::byte> bytes) {
    send_bytes(Kind::output, static_cast<uint64_t>(stream), bytes.data(), bytes.size());
  });
}

void ClientSession::run_host_function(uint64_t callback) {
  std::unique_lock hold(host_lock_);
  host_functions_.insert(callback);
  iovec pieces[] = {{}, {}};
  send(Kind::host_function, callback, pieces, 0);
  host_done_.wait(hold, [&] { return !host_functions_.contains(callback); });
}

// --- the monitor

void ClientSession::watch() {
  uint64_t seen = 0;
  for (;;) {
    pollfd watched[] = {
        {output_.standard_output(), POLLIN, 0}, {output_.standard_error(), POLLIN, 0}, {link_.in(), POLLRDHUP, 0}};
    int ready = poll(watched, 3, 100);
    if (watched[2].revents & (POLLRDHUP | POLLHUP | POLLERR) || link_.channel().gone()) end("", false);
    if (ready > 0) forward_output();
    uint64_t now = alone_.load(std::memory_order_acquire);
    const bool take = now % 2 && now == seen;
    seen = now;
    if (take && alone_.compare_exchange_strong(now, now + 1)) pass_lead();
  }
}

}  // namespace server
