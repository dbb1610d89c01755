#include "exec/far/remains.h"
#include "exec/files.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

namespace exec {
namespace {

bool carries(pid_t process, const std::string& variable) {
  std::string text(1, '\0');
  text += content_of("/proc/" + std::to_string(process) + "/environ") + '\0';
  std::string sought(1, '\0');
  sought += variable + '\0';
  return text.find(sought) != std::string::npos;
}

pid_t parent_of(pid_t process) {
  const std::string line = content_of("/proc/" + std::to_string(process) + "/stat");
  const size_t name_ends = line.rfind(')');
  int parent = 0;
  if (name_ends == std::string::npos || std::sscanf(line.c_str() + name_ends + 1, " %*c %d", &parent) != 1) return 0;
  return parent;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> all;
  std::error_code error;
  for (const auto& each : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = each.path().filename();
    pid_t process = 0;
    auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (wrong == std::errc() && end == name.data() + name.size() && process != getpid()) all.push_back(process);
  }
  return all;
}

}  // namespace

std::vector<pid_t> remains_of(const std::string& job, bool supervisor) {
  const std::vector<pid_t> all = all_processes();
  std::set<pid_t> found;
  std::multimap<pid_t, pid_t> children;
  for (pid_t process : all) {
    if (supervisor) children.emplace(parent_of(process), process);
    if (carries(process, std::string(job_variable) + "=" + job)) found.insert(process);
  }
  for (std::vector<pid_t> below = {getpid()}; !below.empty();) {
    auto [child, last] = children.equal_range(below.back());
    std::vector<pid_t> next;
    for (; child != last; ++child) next.push_back(child->second);
    children.erase(below.back());  // each is looked at once, whatever the numbers say that change meanwhile
    below.pop_back();
    found.insert(next.begin(), next.end());
    below.insert(below.end(), next.begin(), next.end());
  }
  return {found.begin(), found.end()};
}

size_t end_remains(const std::string& job, int signal, bool supervisor) {
  const auto found = remains_of(job, supervisor);
  for (pid_t process : found) kill(process, signal);
  return found.size();
}

}  // namespace exec
