#include "cli/commands.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "server/report.h"
#include "server/web.h"

namespace cli {

bool parse_duration(const std::string& text, uint64_t& seconds) {
  char* end = nullptr;
  unsigned long long number = std::strtoull(text.c_str(), &end, 10);
  constexpr uint64_t most = uint64_t{100} * 365 * 86400;
  if (end == text.c_str() || text.front() == '-' || number > most) return false;
  const std::string unit = end;
  uint64_t factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
  seconds = number * factor;
  return factor != 0 && number != 0 && seconds <= most;
}

std::string size_text(uint64_t bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < std::size(units); value /= 1024) ++unit;
  char text[32];
  std::snprintf(text, sizeof text, value == static_cast<double>(static_cast<uint64_t>(value)) ? "%.0f %s" : "%.1f %s",
                value, units[unit]);
  return text;
}

std::string duration_text(uint64_t seconds) {
  auto two = [](uint64_t more, const char* unit, uint64_t less, const char* smaller) {
    return std::to_string(more) + unit + (less ? " " + std::to_string(less) + smaller : "");
  };
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return two(seconds / 60, " min", seconds % 60, " s");
  if (seconds < 86400) return two(seconds / 3600, " h", seconds % 3600 / 60, " min");
  return two(seconds / 86400, " d", seconds % 86400 / 3600, " h");
}

std::string plain(const std::string& text) {
  std::string made;
  for (char c : text) made += c >= ' ' && c <= '~' ? c : '?';
  return made;
}

std::vector<std::string> ask_servers(const std::string& method, const std::string& path) {
  std::vector<std::string> answers;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(server::control_folder(), error)) {
    auto answer = server::ask(entry.path(), method, path);
    if (answer)
      answers.push_back(answer.value());
    else if (answer.error().find("Connection refused") != std::string::npos)
      unlink(entry.path().c_str());  // left over from a server that was killed
  }
  return answers;
}

}  // namespace cli
