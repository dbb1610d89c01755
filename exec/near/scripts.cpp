#include "exec/near/scripts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace exec {
namespace {

namespace fs = std::filesystem;

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// Below these a package manager puts commands; the host's own fits the host.
constexpr std::array system_folders = {"/usr/", "/bin", "/sbin", "/opt/", "/snap/", "/nix/"};

bool travels(const fs::path& path, const std::vector<std::string>& inputs) {
  const std::string whole = fs::absolute(path).lexically_normal();
  return std::ranges::any_of(inputs, [&](const std::string& input) {
    std::string start = fs::absolute(input).lexically_normal();
    while (start.size() > 1 && start.ends_with('/')) start.pop_back();
    return whole == start || whole.starts_with(start + "/");
  });
}

}  // namespace

bool is_interpreter(const std::string& name) {
  static const std::regex known(
      "(python|pypy)[0-9.]*|ipython3?|(ba|da|z|k|fi)?sh|perl[0-9.]*|ruby[0-9.]*|node|nodejs|deno|lua[0-9.]*|luajit|"
      "Rscript|julia|php[0-9.]*|tclsh[0-9.]*|guile|octave|env|java|torchrun|accelerate");
  return std::regex_match(name, known);
}

std::string script_among(const std::vector<std::string>& command) {
  for (size_t i = 1; i < command.size(); ++i) {
    const std::string& word = command[i];
    if (word == "-c" || word == "-m" || word == "-e") return "";
    if (word == "-W" || word == "-X")
      ++i;
    else if (!word.starts_with('-'))
      return is_file(word) ? word : "";
  }
  return "";
}

std::string interpreter_of(const std::string& script) {
  std::ifstream file(script);
  std::string line;
  std::getline(file, line);
  std::istringstream words(line.substr(std::min<size_t>(2, line.size())));
  std::string first, next;
  words >> first;
  if (!first.ends_with("/env")) return first;
  while (words >> next)
    if (!next.starts_with('-') && next.find('=') == next.npos) return next;
  return "";
}

std::string find_own_command(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string found = folder + "/" + name;
    if (!is_file(found) || access(found.c_str(), X_OK) < 0) continue;
    const bool system =
        std::ranges::any_of(system_folders, [&](const char* start) { return found.starts_with(start); });
    return system ? "" : found;
  }
  return "";
}

void tell_missing_imports(const std::string& script, const std::vector<std::string>& inputs, bool whole_folder,
                          std::vector<std::string>& told) {
  if (whole_folder) return;
  static const std::regex import(R"(^\s*(?:from|import)\s+([A-Za-z_][A-Za-z_0-9]*))");
  std::ifstream file(script);
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (!std::regex_search(line, match, import)) continue;
    const fs::path module = fs::path(script).parent_path() / match[1].str();
    for (const fs::path& each : {fs::path(module.string() + ".py"), module}) {
      const bool there = each.extension() == ".py" ? is_file(each) : fs::is_directory(each);
      if (there && !travels(each, inputs))
        told.push_back(script + " imports " + each.string() + ", which does not travel; add --in " + each.string());
    }
  }
}

}  // namespace exec
