#include "exec/near/attend.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>
#include <nlohmann/json.hpp>

#include "client/service.h"
#include "exec/near/input.h"

namespace exec {
namespace {

constexpr uint64_t acknowledge_every = 1 << 20;
constexpr int come_back_seconds = 60;

class Visit {
 public:
  Visit(std::unique_ptr<Conversation>& host, const Attendance& attendance) : host_(host), attendance_(attendance) {
    written_[0] = attendance.out;
    written_[1] = attendance.err;
  }
  base::Result<Ended> run();

 private:
  base::Result<std::optional<Ended>> converse(InputThread& input);
  base::Status show(const Message& message);
  base::Status come_back(InputThread& input);

  std::unique_ptr<Conversation>& host_;
  const Attendance& attendance_;
  uint64_t written_[2], acknowledged_ = 0;
  bool closed_[2] = {};  // whoever reads our output has left
};

base::Result<Ended> Visit::run() {
  InputThread input(attendance_.hold, attendance_.terminal);
  input.use(host_.get());
  for (;;) {
    auto ended = converse(input);
    if (!ended) return base::Error{ended.error()};
    if (ended.value()) return *ended.value();
    TRY(come_back(input));
  }
}

// Nothing: the link broke.
base::Result<std::optional<Ended>> Visit::converse(InputThread& input) {
  for (Message message; host_->receive(message);) {
    switch (message.kind) {
      case Kind::output: TRY(show(message)); break;
      case Kind::taken: input.taken(message.number); break;
      case Kind::ended: {
        const Json json = message.json();
        return std::optional<Ended>{
            {text_in(json, "state"), text_in(json, "why"), static_cast<int>(number_in(json, "code"))}};
      }
      case Kind::failure: return base::Error{message.text};
      default: break;
    }
  }
  return std::optional<Ended>{};
}

base::Status Visit::show(const Message& message) {
  const int stream = message.number == 2;
  const uint64_t at = number_in(message.json(), "at");
  std::span<const std::byte> bytes = message.bytes;
  if (at > written_[stream])
    std::fprintf(stderr, "outboard: %llu bytes of output are no longer kept\n",
                 static_cast<unsigned long long>(at - written_[stream]));
  while (!bytes.empty() && !closed_[stream]) {
    ssize_t put = write(stream + 1, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) {
      pollfd waiting{stream + 1, POLLOUT, 0};
      poll(&waiting, 1, 1000);
      continue;
    }
    if (put < 0 && errno != EPIPE)
      return base::Error{std::string("the output cannot be written here: ") + std::strerror(errno) +
                         "; the job goes on: outboard logs " + attendance_.job};
    if (put < 0) {
      closed_[stream] = true;  // as it would happen here
      if (attendance_.hold) host_->send(Kind::signal, SIGPIPE);
      break;
    }
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  written_[stream] = at + message.bytes.size();
  const uint64_t all = written_[0] + written_[1];
  if (!attendance_.hold || all - acknowledged_ < acknowledge_every) return base::Done{};
  acknowledged_ = all;
  host_->send(Kind::taken, Json{{"out", written_[0]}, {"err", written_[1]}});
  return base::Done{};
}

base::Status Visit::come_back(InputThread& input) {
  input.use(nullptr);
  if (!attendance_.quiet)
    std::fprintf(stderr, "outboard: the link to %s broke; coming back...\n", attendance_.target.c_str());
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(come_back_seconds);
  std::string last;
  while (std::chrono::steady_clock::now() < until && !input.interrupted()) {
    Json facts;
    auto host = open_host(attendance_.target, facts);
    const Json wish = {
        {"job", attendance_.job}, {"out", written_[0]}, {"err", written_[1]}, {"hold", attendance_.hold}};
    if (host && host.value()->send(Kind::attach, wish)) {
      host_ = std::move(host.value());
      input.use(host_.get());
      return base::Done{};
    }
    last = host ? "it broke again" : host.error();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  const std::string fate = attendance_.grace < 0
                               ? "the job goes on there: outboard wait " + attendance_.job
                               : "the job ends there " + std::to_string(attendance_.grace) + " s after the link broke";
  return base::Error{"the link to " + attendance_.target + " is lost (" + last + "); " + fate};
}

}  // namespace

base::Result<Ended> attend(std::unique_ptr<Conversation>& host, const Attendance& attendance) {
  return Visit(host, attendance).run();
}

base::Result<std::unique_ptr<Conversation>> open_host(const std::string& target, Json& facts, const Json* question) {
  auto host = std::make_unique<Conversation>(TRY(client::open_service(target, "exec")));
  if (question) host->send(Kind::ask, *question);
  facts = TRY(host->expect(Kind::facts, target)).json();
  return host;
}

}  // namespace exec
