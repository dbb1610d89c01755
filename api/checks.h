// Which checks a user may ask for: the names that the command line, OUTBOARD_CHECK and the protocol know.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace api {

struct Checks {
  bool memory = false;  // accesses outside of what was allocated, misaligned ones, bad frees
  bool races = false;   // of threads, in shared and global memory
  bool init = false;    // reads of what nobody wrote
  bool leaks = false;   // device memory that is not freed at the end
  bool any() const { return memory || races || init || leaks; }
};

inline constexpr const char* check_names = "memory, races, init, leaks, or all (memory, races and init)";

// "memory,init"; the names of compute-sanitizer's tools mean the same. Nothing: a name is not known.
inline std::optional<Checks> parse_checks(std::string_view text) {
  struct Row {
    std::string_view name;
    Checks means;
  };
  constexpr Row rows[] = {{"all", {true, true, true, false}},         {"memory", {true, false, false, false}},
                          {"races", {false, true, false, false}},     {"init", {false, false, true, false}},
                          {"leaks", {false, false, false, true}},     {"memcheck", {true, false, false, false}},
                          {"racecheck", {false, true, false, false}}, {"initcheck", {false, false, true, false}}};
  Checks chosen;
  for (bool more = true; more;) {
    size_t comma = text.find(',');
    std::string_view name = text.substr(0, comma);
    const Row* found = nullptr;
    for (const Row& row : rows)
      if (row.name == name) found = &row;
    if (!found) return std::nullopt;
    chosen.memory |= found->means.memory;
    chosen.races |= found->means.races;
    chosen.init |= found->means.init;
    chosen.leaks |= found->means.leaks;
    more = comma != text.npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return chosen;
}

}  // namespace api
