#include "exec/near/records.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "exec/conversation.h"
#include "exec/files.h"

namespace exec {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
  auto setting = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  const std::string base = setting("XDG_STATE_HOME");
  return fs::path(base.starts_with('/') ? base : setting("HOME") + "/.local/state") / "outboard/jobs-elsewhere";
}

Record read(const fs::path& path) {
  const Json json = Json::parse(content_of(path), nullptr, false);
  if (!json.is_object()) return {};
  return {path.filename(),
          text_in(json, "target"),
          text_in(json, "folder"),
          static_cast<int64_t>(number_in(json, "started_s")),
          static_cast<int64_t>(number_in(json, "started_ns")),
          flag_in(json, "kept")};
}

}  // namespace

base::Status keep(const Record& record) {
  std::error_code error;
  fs::create_directories(folder(), error);
  const Json json = {{"target", record.target},
                     {"folder", record.folder},
                     {"started_s", static_cast<uint64_t>(record.started_s)},
                     {"started_ns", static_cast<uint64_t>(record.started_ns)},
                     {"kept", record.kept}};
  const fs::path at = folder() / record.job, made = folder() / ("." + record.job + std::to_string(getpid()));
  std::ofstream file(made);
  file << json.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  file.close();
  if (file) fs::rename(made, at, error);
  if (!file || error) return base::Error{"cannot keep what belongs to the job in " + at.string()};
  return base::Done{};
}

std::vector<Record> all_records() {
  std::vector<Record> all;
  std::error_code error;
  for (const auto& each : fs::directory_iterator(folder(), error))
    if (!each.path().filename().string().starts_with('.')) all.push_back(read(each.path()));
  return all;
}

base::Result<Record> find_record(const std::string& job) {
  std::vector<Record> found;
  for (Record& record : all_records())
    if (record.job.starts_with(job)) found.push_back(std::move(record));
  if (job.empty() || found.empty())
    return base::Error{"this machine started no job '" + job + "'; say where it is with --on TARGET"};
  if (found.size() > 1) return base::Error{"'" + job + "' is the beginning of several jobs; write more of it"};
  return found[0];
}

void forget(const std::string& job) {
  std::error_code error;
  fs::remove(folder() / job, error);
}

}  // namespace exec
