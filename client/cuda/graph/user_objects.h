// User objects: things of the program's that graphs keep alive (CUDA Driver API, "User objects").
#pragma once
#include <memory>

#include "api/cuda/abi.h"

namespace client::graph {

struct UserObject {
  void* data = nullptr;
  CUhostFn destroy = nullptr;
  uint64_t references = 0;
};

// The caller holds the lock; the program's destructor runs after it is left.
void retain(UserObject& object, uint64_t count);
void release(const std::shared_ptr<UserObject>& object, uint64_t count);

}  // namespace client::graph
