// What the device's code prints. Standard output and standard error of a worker become pipes, and what comes out of
// them goes to the client, whose program would have printed it.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "base/fd.h"
#include "base/result.h"

namespace server {

class Output {
 public:
  // Takes over descriptors 1 and 2 of this process; the log keeps the old standard error.
  static base::Result<Output> capture();

  // Passes on what is there now: sink(1 or 2, bytes). Thread-safe; the order of each stream is kept.
  void drain(const std::function<void(int, std::span<const std::byte>)>& sink);
  int standard_output() const { return out_.get(); }
  int standard_error() const { return err_.get(); }

 private:
  base::Fd out_, err_;
  std::unique_ptr<std::mutex> lock_ = std::make_unique<std::mutex>();
};

}  // namespace server
