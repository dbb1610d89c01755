// The log: formats one line and writes it with one write(2), so that lines of processes do not mix.
#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace base {
namespace {

Level level_from_environment() {
  const char* name = std::getenv("OUTBOARD_LOG");
  std::string_view wanted = name ? name : "warn";
  if (wanted == "error") return Level::error;
  if (wanted == "info") return Level::info;
  if (wanted == "debug") return Level::debug;
  return Level::warn;
}

// The one piece of state: trivially destructible, because libraries log while a process exits.
std::atomic<int> level_now{-1};
std::atomic<int> fd_now{2};

constexpr std::string_view level_names[] = {"error", "warn", "info", "debug"};

// Quotes a value that holds blanks or line ends, so that a line stays one line.
void append_value(std::string& line, std::string_view value) {
  bool plain = !value.empty() && value.find_first_of(" \"\n\t=") == std::string_view::npos;
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (char c : value) line += c == '"' ? '\'' : (c == '\n' || c == '\r' ? ' ' : c);
  line += '"';
}

}  // namespace

bool logs(Level level) {
  int now = level_now.load(std::memory_order_relaxed);
  if (now < 0) level_now = now = static_cast<int>(level_from_environment());
  return static_cast<int>(level) <= now;
}

void set_level(Level level) { level_now = static_cast<int>(level); }
void set_log_fd(int fd) { fd_now = fd; }

void log(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!logs(level)) return;
  std::string line = "outboard ";
  line += level_names[static_cast<int>(level)];
  line += ": ";
  line += event;
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value);
  }
  line += '\n';
  [[maybe_unused]] ssize_t written = ::write(fd_now, line.data(), line.size());
}

}  // namespace base
