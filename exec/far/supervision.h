// What a service and a job's supervisor say to each other over a socket in the job's folder.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/fd.h"

namespace exec {

enum class Ask : uint32_t {
  hold,    // this client reads the output: do not run far ahead of it; number: grace in seconds
  taken,   // at: of standard output, size: of standard error; all before is dealt with
  input,   // at: offset in standard input, then `size` bytes; none: the end
  signal,  // number
  window,  // number: rows * 65536 + columns
  cancel,
};

struct ToSupervisor {
  Ask ask{};
  uint32_t number = 0;
  uint64_t at = 0, size = 0;
};
inline constexpr size_t most_input = 64 << 10;  // in one message

struct FromSupervisor {
  uint64_t out = 0, err = 0;  // so much there is of both streams
  uint64_t input = 0;         // so much of its input the program has
};

inline constexpr uint64_t output_window = uint64_t{8} << 20;  // that the program may be ahead of its reader
inline constexpr uint64_t input_window = uint64_t{1} << 20;
inline constexpr uint64_t log_kept = uint64_t{64} << 20;  // of each stream, for `outboard logs`
inline constexpr unsigned usual_hold_seconds = 60;        // that a program's output waits for a client whose link broke

// A socket in a folder whose path may be longer than a socket's name.
base::Fd listen_in(const char* folder);
base::Fd connect_in(const char* folder);

}  // namespace exec
