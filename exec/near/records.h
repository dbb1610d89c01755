// What this machine knows of its jobs: where each runs, and where its results belong.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace exec {

struct Record {
  std::string job, target, folder;        // the folder that it was started in
  int64_t started_s = 0, started_ns = 0;  // results that somebody else wrote since then are not overwritten
  bool kept = false;                      // results stay on the host after they were fetched
};

base::Status keep(const Record& record);
// By id or the beginning of it.
base::Result<Record> find_record(const std::string& job);
std::vector<Record> all_records();
void forget(const std::string& job);

}  // namespace exec
