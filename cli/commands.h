// What the commands that manage a server's tenants have in common.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace cli {

// A command, and what runs it when it was chosen; gives the exit code.
using Commands = std::vector<std::pair<CLI::App*, std::function<int()>>>;

constexpr int misused = 2;  // the exit code for a command that cannot be meant

inline int fail(const std::string& reason, int code = 1) {
  std::fprintf(stderr, "outboard: %s\n", reason.c_str());
  return code;
}

// "90s", "15m", "12h", "30d", "45" (seconds); false: none of these.
bool parse_duration(const std::string& text, uint64_t& seconds);
// "8 GiB", "512 MiB"
std::string size_text(uint64_t bytes);
// "2 h 5 min", "12 s"
std::string duration_text(uint64_t seconds);
// Printable ASCII alone: a client's name must not move the cursor.
std::string plain(const std::string& text);

// Asks all servers of this user on this machine; the answers of those that gave one.
std::vector<std::string> ask_servers(const std::string& method, const std::string& path);

}  // namespace cli
