// What the operating system knows of a worker: the processor time it has used, and how long it waited for a processor.
#pragma once
#include <sys/types.h>

#include <cstdint>

namespace server {

// Of all threads, to the nanosecond, whatever the process says of itself. 0: it is gone.
uint64_t processor_ns(pid_t process);
// Sum over its present threads; 0 where the system does not count it (proc(5), schedstat).
uint64_t waited_ns(pid_t process);
uint64_t now_ns();  // CLOCK_MONOTONIC

}  // namespace server
