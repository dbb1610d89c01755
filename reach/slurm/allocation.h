// Where a Slurm session's server runs, for as long as it does: a job of our own, or that of the `outboard run` around
// us.
#pragma once
#include <cstdint>
#include <string>

#include "base/result.h"
#include "reach/child.h"

namespace reach {

class Ground {
 public:
  virtual ~Ground() = default;
  // A server's start there.
  virtual Words server_words() const = 0;
  virtual uint64_t generation() const = 0;

  // For a poll, and the most that it may wait before tick() is called.
  virtual int descriptor() const = 0;
  virtual int due_ms() const = 0;
  // False: it is gone, and reason() says why, unless somebody else does.
  virtual bool tick() = 0;
  virtual std::string reason() const = 0;
};

}  // namespace reach
