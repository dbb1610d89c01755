// The hashes of a bundle's files, taken while the host is reached.
#pragma once
#include <atomic>
#include <thread>
#include <vector>

#include "base/result.h"
#include "exec/near/plan.h"

namespace exec {

class HashAhead {
 public:
  // Begins with the files that are in the cargo now.
  explicit HashAhead(const Cargo& cargo);
  ~HashAhead();  // ends it wherever it is
  HashAhead(const HashAhead&) = delete;
  HashAhead& operator=(const HashAhead&) = delete;

  // Waits for them, and takes those of files that have been added since.
  base::Status finish(Cargo& cargo);

 private:
  void run();

  struct File {
    std::string source;
    uint64_t size;
    std::vector<Hash> pieces;
    std::string wrong;
  };
  std::vector<File> files_;
  std::atomic<bool> leave_{false};
  std::thread thread_;
};

}  // namespace exec
