#include "desktop/keeper/control.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

namespace desktop {
namespace {

using Json = nlohmann::json;

constexpr size_t longest_question = 4096;

std::string refusal(const std::string& why) { return Json{{"error", why}}.dump(); }

int64_t number_in(const Json& question, const char* name, int64_t usual, int64_t most) {
  auto found = question.find(name);
  if (found == question.end() || !found->is_number_integer()) return usual;
  return std::clamp<int64_t>(found->get<int64_t>(), 0, most);
}

// One line within a second: only this user gets here, but his programs may be broken.
std::string read_line(int peer) {
  std::string text;
  while (text.find('\n') == text.npos && text.size() < longest_question) {
    pollfd ready{peer, POLLIN, 0};
    char bytes[512];
    if (poll(&ready, 1, 1000) <= 0) return "";
    const ssize_t got = recv(peer, bytes, sizeof bytes, 0);
    if (got <= 0) return "";
    text.append(bytes, static_cast<size_t>(got));
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

Control::Control(Session& session, base::Fd listener, std::function<void()> stop)
    : session_(session), listener_(std::move(listener)), end_(eventfd(0, EFD_CLOEXEC)), stop_(std::move(stop)) {
  thread_ = std::thread([this] { run(); });
}

Control::~Control() {
  eventfd_write(end_.get(), 1);
  thread_.join();
}

void Control::run() {
  for (;;) {
    pollfd ready[] = {{listener_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 && errno != EINTR) return;
    if (ready[1].revents) return;
    base::Fd peer(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer.valid()) continue;
    const std::string question = read_line(peer.get());
    if (question.empty()) continue;
    const std::string text = answer(question) + "\n";
    send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
}

std::string Control::answer(const std::string& text) {
  const Json question = Json::parse(text, nullptr, false);
  const auto wish = question.is_object() ? question.find("do") : question.end();
  if (!question.is_object() || wish == question.end() || !wish->is_string())
    return refusal(R"(a question is one line of JSON with "do")");
  if (*wish == "status") return session_.status_json();
  if (*wish == "stop") {
    stop_();
    return R"({"stopping":true})";
  }
  const auto uses = static_cast<int>(number_in(question, "uses", 1, 1000));
  const Credentials::Seconds seconds(number_in(question, "seconds", 300, 30 * 24 * 3600));
  if (*wish == "credential" || *wish == "token") {
    const Credential made = session_.credentials().make(uses, seconds);
    if (*wish == "token") return Json{{"token", made.password}}.dump();
    return Json{{"user", made.user}, {"password", made.password}}.dump();
  }
  return refusal("there are status, stop, credential and token");
}

}  // namespace desktop
