// One line per event on standard error: "outboard level event key=value ...". Thread-safe, allocates
// little, never throws, and is silent below the level that OUTBOARD_LOG names (default: warn).
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

namespace base {

enum class Level { error, warn, info, debug };

struct Field {
  std::string_view key;
  std::string value;
};

bool logs(Level level);
void set_level(Level level);
// Where lines go from now on (default 2); the worker keeps the real stderr after redirecting its own.
void set_log_fd(int fd);
void log(Level level, std::string_view event, std::initializer_list<Field> fields = {});

}  // namespace base
