// What arrives is read by whichever thread waits, or by a thread of our own once the program uses host functions.
#include <cstdio>

#include "client/connection.h"
#include "client/queued.h"

namespace client {

using wire::Kind;

// One frame if nobody reads; otherwise until whoever reads has read one.
void Connection::read_or_wait(std::unique_lock<std::mutex>& state) {
  if (reading_) {
    ++waiting_;
    progress_.wait(state);
    --waiting_;
    return;
  }
  read_for_all(state, [this] { receive(); });
}

bool Connection::something_is_there() {
  return !broken_ && (input_->holds_bytes() || link_.channel().wait(true, false, 0).reading);
}

void Connection::take_what_is_there() {
  std::unique_lock state(state_lock_);
  if (reading_) return;  // somebody takes it
  read_for_all(state, [this] {
    while (something_is_there()) receive();
  });
}

bool Connection::receive() {
  wire::FrameHead head;
  bool good = input_->read(&head, sizeof head);
  if (!good) return lose("the server closed the connection"), false;
  good = head.size % 8 == 0 && head.size <= wire::max_reply + 4096;
  if (good) switch (head.kind) {
      case Kind::reply: good = receive_reply(head); break;
      case Kind::data: good = receive_data(head); break;
      case Kind::output: good = receive_output(head); break;
      case Kind::reached: good = receive_reached(head); break;
      case Kind::host_function: {
        std::lock_guard state(state_lock_);
        auto found = host_functions_.find(head.number);
        good = head.size == 0 && found != host_functions_.end();
        if (!good) break;
        runnable_.push_back(found->second);
        if (!found->second.lasting) host_functions_.erase(found);
        runnable_more_.notify_one();
        break;
      }
      default: good = false;
    }
  if (!good) lose("the server broke the protocol");
  return good;
}

bool Connection::receive_reply(const wire::FrameHead& head) {
  Waiter* waiter = nullptr;
  {
    std::lock_guard state(state_lock_);
    waiter = take_waiter(head.number);
  }
  if (!waiter) return false;
  waiter->reply.resize(head.size);
  if (!input_->read(waiter->reply.data(), head.size)) return false;
  std::lock_guard state(state_lock_);
  waiter->done = true;
  return true;
}

// The bytes of a copy go straight to where the program wants them.
bool Connection::receive_data(const wire::FrameHead& head) {
  wire::BytesHead bytes;
  if (head.size < sizeof bytes || !input_->read(&bytes, sizeof bytes)) return false;
  Transfer transfer{};
  {
    std::lock_guard state(state_lock_);
    auto found = transfers_.find(head.number);
    if (found == transfers_.end()) return false;
    transfer = found->second;
    if (!transfer.lasting) transfers_.erase(found);
  }
  if (bytes.size != transfer.size || head.size != sizeof bytes + wire::padded(bytes.size)) return false;
  return input_->read(transfer.to, transfer.size) && skip(wire::padded(bytes.size) - bytes.size);
}

bool Connection::skip(size_t size) {
  std::byte nowhere[8];
  return input_->read(nowhere, size);
}

bool Connection::receive_reached(const wire::FrameHead& head) {
  wire::ReachedHead reached;
  if (head.size != sizeof reached || !input_->read(&reached, sizeof reached)) return false;
  queued().end_watch(head.number, static_cast<CUresult>(reached.result));
  return true;
}

// What the device's code printed appears where the program's own output does, after what the program printed before.
bool Connection::receive_output(const wire::FrameHead& head) {
  wire::BytesHead bytes;
  if (head.number < 1 || head.number > 2 || head.size < sizeof bytes || !input_->read(&bytes, sizeof bytes))
    return false;
  if (head.size != sizeof bytes + wire::padded(bytes.size)) return false;
  std::vector<std::byte> text(wire::padded(bytes.size));
  if (!input_->read(text.data(), text.size())) return false;
  FILE* stream = head.number == 1 ? stdout : stderr;
  std::fwrite(text.data(), 1, bytes.size, stream);
  std::fflush(stream);
  return true;
}

}  // namespace client
