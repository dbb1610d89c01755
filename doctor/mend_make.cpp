// Makes mends and takes them back. The record of the last ones lies in the user's state folder.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "doctor/mend.h"

extern char** environ;

namespace outboard::doctor {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

base::Error failed(const std::string& what, const std::string& path) {
  return {what + " " + path + ": " + std::strerror(errno)};
}

base::Status run_command(const std::vector<std::string>& command) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t child = 0;
  if (int error = posix_spawnp(&child, words[0], nullptr, nullptr, words.data(), environ); error != 0)
    return base::Error{"cannot run " + command[0] + ": " + std::strerror(error)};
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return base::Error{command[0] + " failed"};
  return base::Done{};
}

// Writes beside the file and renames, so that a reader sees the old text or the new one.
base::Status put(const std::string& path, const std::optional<std::string>& text, bool link) {
  std::error_code error;
  if (!text) {
    fs::remove(path, error);
    return error ? base::Status(base::Error{"cannot remove " + path + ": " + error.message()}) : base::Done{};
  }
  fs::create_directories(fs::path(path).parent_path(), error);
  std::string beside = path + ".outboard-new";
  fs::remove(beside, error);
  if (link) {
    if (symlink(text->c_str(), beside.c_str()) != 0) return failed("cannot make", beside);
  } else {
    std::ofstream file(beside, std::ios::binary | std::ios::trunc);
    file << *text;
    file.close();
    if (!file) return failed("cannot write", beside);
    // The new file keeps the old one's mode.
    if (auto old = fs::status(path, error); !error && fs::exists(old))
      fs::permissions(beside, old.permissions(), error);
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0) return failed("cannot write", path);
  return base::Done{};
}

std::string record_folder(const Workshop& workshop) { return workshop.state + "/outboard/mends"; }

json text_or_null(const std::optional<std::string>& text) { return text ? json(*text) : json(nullptr); }

base::Status record(const Mend& mend, const Workshop& workshop) {
  json files = json::array();
  for (const FileChange& file : mend.files)
    files.push_back({{"path", file.path}, {"before", text_or_null(file.before)}, {"after", text_or_null(file.after)}});
  json object = {{"id", mend.id}, {"what", mend.what}, {"files", files}, {"undo", mend.undo}};
  std::error_code error;
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(record_folder(workshop), error))
    count += entry.path().extension() == ".json";
  char name[32];
  std::snprintf(name, sizeof name, "/%06zu.json", count + 1);
  return put(record_folder(workshop) + name, object.dump(2, ' ', false, json::error_handler_t::replace) + "\n", false);
}

base::Status take_back(const std::vector<FileChange>& files, const Workshop& workshop) {
  for (auto file = files.rbegin(); file != files.rend(); ++file)
    TRY(put(workshop.root + file->path, file->before, false));
  return base::Done{};
}

}  // namespace

Workshop Workshop::here() {
  auto variable = [](const char* name) {
    const char* text = std::getenv(name);
    return std::string(text ? text : "");
  };
  Workshop workshop;
  workshop.home = variable("HOME");
  workshop.state = variable("XDG_STATE_HOME").empty() ? workshop.home + "/.local/state" : variable("XDG_STATE_HOME");
  workshop.run = run_command;
  return workshop;
}

base::Status make(const Mend& mend, const Workshop& workshop) {
  // What cannot be taken back is not begun.
  TRY(record(mend, workshop));
  std::vector<FileChange> changed;
  auto give_up = [&](const std::string& why) -> base::Status {
    base::Status restored = take_back(changed, workshop);
    return base::Error{why + (restored ? "; nothing was changed" : "; and then: " + restored.error())};
  };
  for (const FileChange& file : mend.files) {
    if (file.before != file.after)
      if (base::Status status = put(workshop.root + file.path, file.after, file.link); !status)
        return give_up(status.error());
    changed.push_back(file);
  }
  if (!mend.command.empty())
    if (base::Status status = workshop.run(mend.command); !status) return give_up(status.error());
  return base::Done{};
}

base::Result<std::string> undo_last(const Workshop& workshop) {
  std::error_code error;
  std::string last;
  for (const auto& entry : fs::directory_iterator(record_folder(workshop), error))
    if (entry.path().extension() == ".json") last = std::max(last, entry.path().string());
  if (last.empty()) return base::Error{"there is no mend to take back"};
  std::ifstream file(last);
  json object = json::parse(file, nullptr, false);
  if (!object.is_object()) return base::Error{"the record " + last + " cannot be read"};
  std::vector<FileChange> files;
  for (const json& each : object.value("files", json::array())) {
    FileChange change{each.value("path", ""), std::nullopt, std::nullopt, false};
    if (each.contains("before") && each["before"].is_string()) change.before = each["before"].get<std::string>();
    if (!change.path.empty()) files.push_back(change);
  }
  TRY(take_back(files, workshop));
  auto undo = object.value("undo", std::vector<std::string>());
  if (!undo.empty()) TRY(workshop.run(undo));
  fs::remove(last, error);
  return object.value("what", std::string("the last mend"));
}

}  // namespace outboard::doctor
