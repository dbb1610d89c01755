// What of a cluster a session's server may run on, for as long as Slurm leaves it to us: a job of our own (place.h), or
// that of the `outboard run` around us (shared.h).
#pragma once
#include <cstdint>
#include <string>

#include "base/result.h"
#include "reach/child.h"

namespace reach {

class Allocation {
 public:
  virtual ~Allocation() = default;
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
