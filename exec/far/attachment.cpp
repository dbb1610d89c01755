#include "exec/far/attachment.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "exec/far/output_log.h"

namespace exec {
namespace {

constexpr size_t piece = 256 << 10;
constexpr int alive_ms = 5000;

}  // namespace

Attachment::Attachment(Conversation& client, const Place& place, Job job, const AttachOptions& options)
    : client_(client), place_(place), job_(std::move(job)), options_(options), sent_{options.out, options.err} {
  const std::string folder = place_.job(job_.id);
  supervisor_ = connect_in(folder.c_str());
  for (int stream : {0, 1})
    logs_[stream] = base::Fd(open((folder + (stream ? "/err" : "/out")).c_str(), O_RDONLY | O_CLOEXEC));
  stop_ = base::Fd(eventfd(0, EFD_CLOEXEC));
  if (options_.hold && supervisor_.valid()) {
    say({Ask::hold, options_.hold_seconds, 0, 0});
    say({Ask::taken, 0, sent_[0], sent_[1]});
  }
  thread_ = std::thread([this] { run(); });
}

Attachment::~Attachment() {
  gone_ = true;
  if (eventfd_write(stop_.get(), 1) == 0) thread_.join();
}

bool Attachment::say(const ToSupervisor& said, std::span<const std::byte> bytes) {
  iovec pieces[] = {{const_cast<ToSupervisor*>(&said), sizeof said},
                    {const_cast<std::byte*>(bytes.data()), bytes.size()}};
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = bytes.empty() ? 1 : 2;
  return sendmsg(supervisor_.get(), &message, MSG_NOSIGNAL) >= 0;
}

bool Attachment::obey(const Message& message) {
  const auto number = static_cast<uint32_t>(message.number);
  switch (message.kind) {
    case Kind::taken: {
      const Json taken = message.json();
      say({Ask::taken, 0, number_in(taken, "out"), number_in(taken, "err")});
      return true;
    }
    case Kind::input:
      if (message.bytes.empty()) say({Ask::input, 0, message.number, 0});
      for (size_t at = 0; at < message.bytes.size(); at += most_input) {
        auto part = std::span(message.bytes).subspan(at, std::min(most_input, message.bytes.size() - at));
        say({Ask::input, 0, message.number + at, part.size()}, part);
      }
      return true;
    case Kind::signal: say({Ask::signal, number, 0, 0}); return true;
    case Kind::window: say({Ask::window, number, 0, 0}); return true;
    default: return false;
  }
}

void Attachment::run() {
  if (supervisor_.valid() && options_.follow) follow();
  if (gone_) return;
  for (int stream : {0, 1}) {
    struct stat status {};
    if (fstat(logs_[stream].get(), &status) == 0) send_stream(stream, static_cast<uint64_t>(status.st_size));
  }
  tell_end();
}

// Until the supervisor ends, which it does after the database knows how.
void Attachment::follow() {
  uint64_t input = 0;
  while (!gone_) {
    pollfd watched[] = {{supervisor_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    const int ready = poll(watched, 2, alive_ms);
    if (ready == 0 && !client_.send(Kind::alive)) return;
    if (ready <= 0 || watched[1].revents) continue;
    FromSupervisor now{}, newest{};
    bool there = false, over = false;
    for (ssize_t got; (got = recv(supervisor_.get(), &now, sizeof now, MSG_DONTWAIT)) >= 0;) {
      over = got != sizeof now;
      if (over) break;
      newest = now;
      there = true;
    }
    if (there) {
      if (!send_stream(0, newest.out) || !send_stream(1, newest.err)) return;
      if (options_.hold && newest.input != input && !client_.send(Kind::taken, newest.input)) return;
      input = newest.input;
    }
    if (over || watched[0].revents & POLLERR) return;
  }
}

// What was dropped meanwhile is passed over; the offsets tell.
bool Attachment::send_stream(int stream, uint64_t until) {
  static thread_local std::byte bytes[piece];
  while (sent_[stream] < until && !gone_) {
    const uint64_t from = options_.hold ? sent_[stream] : first_kept(logs_[stream].get(), sent_[stream]);
    if (from >= until) break;
    sent_[stream] = from;
    ssize_t got = pread(logs_[stream].get(), bytes, std::min<uint64_t>(piece, until - from), static_cast<off_t>(from));
    if (got <= 0) break;
    const std::string at = R"({"at":)" + std::to_string(from) + "}";
    if (!client_.send(Kind::output, stream + 1u, at, {bytes, static_cast<size_t>(got)})) return gone_ = true, false;
    sent_[stream] += static_cast<uint64_t>(got);
  }
  return true;
}

void Attachment::tell_end() {
  auto jobs = Jobs::open(place_);
  if (jobs) static_cast<void>(jobs.value().look_after());
  auto job = jobs ? jobs.value().find(job_.id, "") : base::Result<Job>(base::Error{jobs.error()});
  if (job)
    client_.send(Kind::ended, to_json(job.value()));
  else
    client_.send(Kind::failure, 0, job.error());
}

Json to_json(const Job& job) {
  return {{"job", job.id},
          {"command", job.command},
          {"client", job.client},
          {"state", job.state},
          {"why", job.why},
          {"code", static_cast<uint64_t>(job.code & 0xff)},
          {"created", static_cast<uint64_t>(job.created)},
          {"ended", static_cast<uint64_t>(job.ended)},
          {"expires", static_cast<uint64_t>(job.expires)}};
}

}  // namespace exec
