#include "cli/top.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

namespace cli {
namespace {

using Json = nlohmann::json;

volatile sig_atomic_t interrupted = 0;

// Keys without Enter, the other screen and no cursor; all as before at the end.
class Screen {
 public:
  Screen() {
    live_ = isatty(0) && isatty(1) && tcgetattr(0, &before_) == 0;
    if (!live_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(0, TCSANOW, &raw);
    std::signal(SIGINT, [](int) { interrupted = 1; });
    std::fputs("\x1b[?1049h\x1b[?25l", stdout);
  }
  ~Screen() {
    if (!live_) return;
    std::fputs("\x1b[?25h\x1b[?1049l", stdout);
    std::fflush(stdout);
    tcsetattr(0, TCSANOW, &before_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  bool live() const { return live_; }
  size_t rows() const {
    winsize size{};
    return ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_row > 4 ? size.ws_row : 24;
  }
  // True: time to leave.
  bool wait(int milliseconds) const {
    pollfd key{live_ ? 0 : -1, POLLIN, 0};
    char byte = 0;
    bool pressed = poll(&key, 1, milliseconds) > 0 && read(0, &byte, 1) == 1;
    return interrupted || (pressed && (byte == 'q' || byte == 'Q'));
  }

 private:
  bool live_ = false;
  termios before_{};
};

struct Row {
  Json session;
  double use = 0;  // of all processors, in percent, since the last look
};

class Top {
 public:
  void look() {
    rows_.clear();
    for (const std::string& answer : ask_servers("GET", "/sessions"))
      for (auto& session : Json::parse(answer, nullptr, false)) rows_.push_back({session, use_of(session)});
    std::ranges::sort(rows_, std::ranges::greater{}, &Row::use);
  }
  std::string text(size_t most) const {
    std::string text;
    char line[512];
    double use = 0;
    for (const Row& row : rows_) use += row.use;
    std::snprintf(line, sizeof line, "outboard top   %zu sessions   device %.0f%%   q leaves\n\n", rows_.size(), use);
    text += line;
    std::snprintf(line, sizeof line, "%-8s %-14s %6s %-22s %11s %12s %-8s %s\n", "WORKER", "VGPU", "SHARE", "DEVICE",
                  "MEMORY", "LAUNCHES", "STATE", "PROGRAM");
    text += line;
    for (size_t i = 0; i < rows_.size() && i + 4 < most; ++i) text += line_of(rows_[i]);
    return text;
  }

 private:
  double use_of(const Json& session) {
    auto device = session.value("device_ns", uint64_t{0}), now = session.value("now_ns", uint64_t{0});
    auto [at, fresh] = before_.try_emplace(session.value("worker", 0), device, now);
    auto [device_before, before] = at->second;
    at->second = {device, now};
    if (fresh || now <= before || device < device_before) return 0;
    return static_cast<double>(device - device_before) / static_cast<double>(now - before) * 100 /
           std::max(1u, std::thread::hardware_concurrency());
  }
  static std::string line_of(const Row& row) {
    const Json& session = row.session;
    constexpr size_t width = 16;
    auto filled = std::min(width, static_cast<size_t>(row.use / 100 * width + 0.5));
    std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
    std::string state = session.value("stage", "");
    if (state == "serving")
      state = session.value("running", 0) ? "running" : session.value("held", 0) ? "held" : "idle";
    std::string name = plain(session.value("program", ""));
    if (size_t slash = name.rfind('/'); slash != std::string::npos) name = name.substr(slash + 1);
    char line[512];
    std::snprintf(line, sizeof line, "%-8d %-14s %5d%% %s %4.0f%% %11s %12llu %-8s %.40s\n", session.value("worker", 0),
                  plain(session.value("vgpu", "")).c_str(), session.value("percent", 100), bar.c_str(), row.use,
                  size_text(session.value("memory", uint64_t{0})).c_str(),
                  static_cast<unsigned long long>(session.value("launches", uint64_t{0})), state.c_str(), name.c_str());
    return line;
  }

  std::vector<Row> rows_;
  std::map<int, std::pair<uint64_t, uint64_t>> before_;
};

// Without a terminal: one look, a second long.
int run_top() {
  Screen screen;
  Top top;
  top.look();
  for (bool leave = screen.wait(screen.live() ? 200 : 1000); !leave; leave = screen.wait(1000)) {
    top.look();
    std::string text = top.text(screen.live() ? screen.rows() : SIZE_MAX);
    if (!screen.live()) return std::fputs(text.c_str(), stdout), 0;
    for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 4) text.replace(at, 1, "\x1b[K\n");
    std::printf("\x1b[H%s\x1b[J", text.c_str());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

void add_top(CLI::App& app, Commands& commands) {
  commands.emplace_back(app.add_subcommand("top", "Sessions and their use of the device, anew every second"), run_top);
}

}  // namespace cli
