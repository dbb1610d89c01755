// A job's supervisor: a process of its own that outlives the connection and the server. It starts the program, keeps
// what it writes, hands on input, signals and window sizes, ends whatever is left of it, and finds its results.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace exec {

// What a program needs to find a GPU on this host, or the software GPU.
struct HostGpu {
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> in_front_of_library_path;
  std::vector<std::string> readable;  // Outboard's own libraries
};

// Waits for the word on standard input, runs the job to its end. Writes a byte to standard output when services can
// come. The job's exit code.
int supervise(const std::string& id, HostGpu (*find_gpu)(const std::string& vgpu));

}  // namespace exec
