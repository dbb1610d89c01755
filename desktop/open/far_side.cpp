#include "desktop/open/far_side.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "desktop/open/tunnel.h"
#include "desktop/registry.h"
#include "reach/child.h"

namespace desktop {

namespace {

using Json = nlohmann::json;

constexpr int start_ms = 60'000, end_ms = 10'000;
constexpr size_t longest_entry = 64 << 10;

std::string as_error(const std::string& text) { return Json{{"error", text}}.dump(); }

// `outboard desktop serve`, which ends when its standard input does.
class Keeper {
 public:
  ~Keeper() { end(); }

  base::Status start(const std::vector<std::string>& words) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return base::Error{"no descriptors are left"};
    base::Fd its_input(in[0]), its_output(out[1]);
    input_ = base::Fd(in[1]);
    output_ = base::Fd(out[0]);
    auto child = reach::Child::start(words, {its_input.get(), its_output.get()});
    if (!child) return base::Error{"the session cannot be started: " + child.error()};
    child_.emplace(std::move(child.value()));
    exit_ = child_->descriptor();
    return base::Done{};
  }

  // The first line that it prints.
  base::Result<std::string> read_line() {
    std::string line;
    while (line.find('\n') == std::string::npos) {
      pollfd ready{output_.get(), POLLIN, 0};
      if (poll(&ready, 1, start_ms) <= 0) return base::Error{"the session did not start within a minute"};
      char bytes[4096];
      ssize_t got = read(output_.get(), bytes, sizeof bytes);
      if (got <= 0 || line.size() > longest_entry)
        return base::Error{"the session did not start; the server's log says why"};
      line.append(bytes, static_cast<size_t>(got));
    }
    return line.substr(0, line.find('\n'));
  }

  bool started() const { return child_.has_value(); }
  int exit() const { return exit_; }  // readable when it has ended

 private:
  // It takes down all that it started, which may take a while; what the child's destructor does is the last resort.
  void end() {
    input_.close();
    for (int signal : {0, SIGTERM}) {
      if (!child_ || child_->ended()) return;
      if (signal) kill(child_->pid(), signal);
      pollfd gone{child_->descriptor(), POLLIN, 0};
      poll(&gone, 1, end_ms);
    }
  }

  std::optional<reach::Child> child_;
  std::atomic<int> exit_{-1};  // waited for by another thread
  base::Fd input_, output_;
};

base::Result<base::Fd> connect_port(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  base::Fd made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!port || connect(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return base::Error{"the session does not answer"};
  return made;
}

class FarSide {
 public:
  std::string answer(const std::string& line) {
    Json asked = Json::parse(line, nullptr, false);
    if (!asked.is_object() || !asked.contains("do") || !asked["do"].is_string())
      return as_error("the question is not understood");
    const std::string what = asked["do"];
    if (what == "start") return start(asked);
    if (what != "token" && what != "status") return as_error("this server does not know '" + what + "'");
    auto said = registry::ask(entry_, Json{{"do", what}}.dump());
    return said ? said.value() : as_error(said.error());
  }

  base::Result<base::Fd> open(const std::string& way) {
    if (way == "rdp") return registry::connect_to(entry_.rdp_socket);
    return way == "web" ? connect_port(entry_.web_port) : base::Error{"there is no such way"};
  }

  int session_end() const { return keeper_.exit(); }

 private:
  std::string start(const Json& asked) {
    if (keeper_.started()) return as_error("a session was started already");
    std::vector<std::string> words = {"/proc/self/exe", "desktop", "serve", "--json", "--until-eof", "--no-port"};
    for (const char* option : {"program", "size"}) {
      auto found = asked.find(option);
      if (found == asked.end()) continue;
      if (!found->is_string()) return as_error(std::string(option) + " is no text");
      words.push_back(std::string("--") + option + "=" + found->get<std::string>());
    }
    if (base::Status started = keeper_.start(words); !started) return as_error(started.error());
    auto line = keeper_.read_line();
    if (!line) return as_error(line.error());
    auto entry = registry::from_json(line.value());
    if (entry) entry_ = entry.value();
    return line.value();  // what went wrong stands in it
  }

  Keeper keeper_;
  registry::Entry entry_;
};

}  // namespace

int offer_session(links::Link link) {
  std::signal(SIGPIPE, SIG_IGN);
  FarSide far_side;
  Tunnel tunnel(std::move(link), {[&](const std::string& way) { return far_side.open(way); },
                                  [&](const std::string& line) { return far_side.answer(line); }});
  // Without a session there is only the client to wait for; a session comes on the tunnel's thread.
  for (;;) {
    pollfd watched[] = {{tunnel.over(), POLLIN, 0}, {far_side.session_end(), POLLIN, 0}};
    if (poll(watched, 2, 500) < 0 && errno != EINTR) break;
    if (watched[0].revents || watched[1].revents) break;
  }
  return 0;
}

}  // namespace desktop
