// Launches the kernel k of a PTX file as the comments at the file's head say, on whatever libcuda.so.1 it finds:
//   // shape: BLOCKS THREADS [DYNAMIC SHARED BYTES]
//   // buffer: BYTES [written]    device memory, given to the kernel in this order
//   // freed: BYTES               the same, but freed before the launch
//   // host: BYTES                pinned memory; `plain`: memory of malloc
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/check/driver.h"

namespace {

using driver::call;

struct Memory {
  enum Kind { device, freed, host, plain } kind;
  size_t bytes;
  bool written;
  uint64_t address = 0;
};

void allocate(Memory& memory) {
  void* block = nullptr;
  if (memory.kind == Memory::host) call("cuMemHostAlloc", &block, memory.bytes, 0u);
  if (memory.kind == Memory::plain) block = std::calloc(1, memory.bytes);
  if (block) {
    std::memset(block, 0, memory.bytes);
    memory.address = reinterpret_cast<uint64_t>(block);
    return;
  }
  call("cuMemAlloc_v2", &memory.address, memory.bytes);
  if (memory.written) call("cuMemsetD8_v2", memory.address, static_cast<unsigned char>(0), memory.bytes);
  if (memory.kind == Memory::freed) call("cuMemFree_v2", memory.address);
}

void release(const Memory& memory) {
  if (memory.kind == Memory::device) call("cuMemFree_v2", memory.address);
  if (memory.kind == Memory::host) call("cuMemFreeHost", reinterpret_cast<void*>(memory.address));
  if (memory.kind == Memory::plain) std::free(reinterpret_cast<void*>(memory.address));
}

}  // namespace

int main(int, char** arguments) {
  std::ifstream file(arguments[1]);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  unsigned blocks = 1, threads = 32, shared = 0;
  std::vector<Memory> memories;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && line.starts_with("//");) {
    std::istringstream words(line);
    std::string slashes, what, rest;
    words >> slashes >> what;
    if (what == "shape:") words >> blocks >> threads >> shared;
    constexpr const char* kinds[] = {"buffer:", "freed:", "host:", "plain:"};
    for (int kind = 0; kind < 4; ++kind) {
      size_t bytes = 0;
      if (what != kinds[kind] || !(words >> bytes)) continue;
      words >> rest;
      memories.push_back({static_cast<Memory::Kind>(kind), bytes, rest == "written"});
    }
  }
  CUcontext context;
  CUmodule module;
  CUfunction kernel;
  call("cuInit", 0u);
  call("cuCtxCreate_v2", &context, 0u, 0);
  call("cuModuleLoadData", &module, static_cast<const void*>(text.c_str()));
  call("cuModuleGetFunction", &kernel, module, "k");
  std::vector<void*> parameters;
  for (Memory& memory : memories) allocate(memory), parameters.push_back(&memory.address);
  void** extra = nullptr;
  call("cuLaunchKernel", kernel, blocks, 1u, 1u, threads, 1u, 1u, shared, CUstream{}, parameters.data(), extra);
  call("cuCtxSynchronize");
  for (const Memory& memory : memories) release(memory);
  std::puts("done");
}
