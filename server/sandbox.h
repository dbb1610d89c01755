// What a worker may still do once it listens to a client: compute, use the descriptors it has, make memory and threads,
// fork the child that compiles, and read and write the cache of compiled kernels. No file beside that, no socket, no
// other process, no program.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace server {

struct SandboxRooms {
  // Requests to device files: those with (request & mask) == value.
  struct Ioctl {
    uint32_t mask, value;
    const char* reason;
  };
  std::vector<std::string> read;    // files and folders
  std::vector<std::string> write;   // the same; files can be used, folders filled
  std::vector<std::string> run{};   // read, and run programs from there
  std::vector<std::string> work{};  // whatever can be done with files
  std::vector<Ioctl> requests = {};
  std::vector<int> calls = {};  // system calls beyond those that every worker makes
  bool locks_memory = false;    // as much as it likes
};

// For the calling process and its children, for ever. It must have one thread. An error names what the system lacks;
// then nothing but the rest of the limits is in force.
base::Status enter_sandbox(const SandboxRooms& rooms);

// The part that is about files alone, for programs that are to do ordinary work: sockets and system calls stay. It
// needs no_new_privs.
base::Status restrict_files(const SandboxRooms& rooms, bool network = true);

}  // namespace server
