// What a worker may still do once it listens to a client: compute, use the descriptors it has, make memory and threads,
// fork the child that compiles, and read and write the cache of compiled kernels. No file beside that, no socket, no
// other process, no program.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"

namespace server {

struct SandboxRooms {
  std::vector<std::string> read;   // files and folders
  std::vector<std::string> write;  // folders
  std::vector<int> calls;          // system calls beside those of a worker
};
// Of the software GPU: the kernel cache, and what says which processor this is.
SandboxRooms worker_rooms();

// For the calling process and its children, for ever. It must have one thread. An error names what the system lacks;
// then nothing but the rest of the limits is in force.
base::Status enter_sandbox(const SandboxRooms& rooms);

}  // namespace server
