#include "exec/far/finish.h"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "exec/files.h"
#include "exec/glob.h"

namespace exec {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> bytes_of(const std::string& path) {
  const std::string text = content_of(path);
  auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

base::Status write_file(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return base::Error{"the disk of the host is full: " + path + " cannot be written"};
  return base::Done{};
}

// Moves what is brought back out of the bundle's folder, so that the rest of that can go.
base::Status put_aside(const std::string& folder, const Spec& spec, const Results& results) {
  const fs::path from = fs::path(folder + files_name) / spec.folder, to = folder + results_name;
  std::error_code error;
  for (const Entry& entry : results.manifest) {
    if (entry.kind != Entry::Kind::file) continue;
    fs::create_directories((to / entry.path).parent_path(), error);
    fs::rename(from / entry.path, to / entry.path, error);
    if (error) return base::Error{"the result " + entry.path + " cannot be put aside: " + error.message()};
  }
  return base::Done{};
}

base::Status keep_results(const std::string& folder, const Spec& spec, const Snapshot& snapshot) {
  mkdir((folder + results_name).c_str(), 0700);
  const Manifest sent = TRY(decode(bytes_of(folder + before_name)));
  Results results = TRY(find_results(folder + files_name, spec, sent, snapshot));
  TRY(put_aside(folder, spec, results));
  Json notes = {{"left", results.left}, {"unmatched", Json::array()}};
  for (const std::string& glob : spec.outputs)
    if (std::ranges::none_of(results.manifest, [&](const Entry& entry) { return matches(glob, entry.path); }))
      notes["unmatched"].push_back(glob);
  const std::string text = notes.dump(-1, ' ', false, Json::error_handler_t::replace);
  TRY(write_file(folder + notes_name, std::as_bytes(std::span(text))));
  return write_file(folder + manifest_name, encode(results.manifest));
}

// A program may have taken its own rights away.
void remove_tree(const fs::path& tree) {
  std::error_code error;
  if (fs::remove_all(tree, error); !error) return;
  for (const auto& each : fs::recursive_directory_iterator(tree, error))
    if (each.is_directory(error) && !each.is_symlink(error)) fs::permissions(each.path(), fs::perms::owner_all, error);
  fs::remove_all(tree, error);
}

}  // namespace

base::Status finish_job(const Place& place, Jobs& jobs, Job job, const Spec& spec, const Snapshot& before, int code) {
  const std::string folder = place.job(job.id);
  base::Status kept = keep_results(folder, spec, before);
  if (!kept && job.state == "done") {
    job.state = "failed";
    job.why = kept.error();
  }
  for (const char* name : {files_name, libraries_name, "/home", "/tmp", before_name}) remove_tree(folder + name);
  fs::remove(folder + socket_name);
  job.code = code;
  job.ended = std::time(nullptr);
  job.expires = job.ended + static_cast<int64_t>(spec.keep);
  return jobs.update(job);
}

}  // namespace exec
