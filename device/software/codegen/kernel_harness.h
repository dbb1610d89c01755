// A kernel in PTX, compiled and launched once: what the tests of the code generator are written with.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "device/software/codegen/compiler.h"
#include "device/software/run/faults.h"
#include "device/software/run/pool.h"

namespace test {

inline uint64_t test_memory(uint64_t size, uint64_t alignment) {
  struct Free {
    void operator()(void* block) const { std::free(block); }
  };
  static std::vector<std::unique_ptr<void, Free>> kept;
  kept.emplace_back(std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment));
  return reinterpret_cast<uint64_t>(kept.back().get());
}

inline std::string text(const std::string& rest) { return ".version 8.0\n.target sm_75\n.address_size 64\n" + rest; }

inline base::Result<std::unique_ptr<software::Program>> compile_text(const std::string& ptx) {
  return software::compile(std::span(&ptx, 1), test_memory);
}

struct Kernel {
  std::unique_ptr<software::Program> program;

  explicit Kernel(const std::string& ptx) {
    auto compiled = compile_text(text(ptx));
    EXPECT_TRUE(compiled) << compiled.error();
    if (compiled) program = std::move(compiled.value());
  }

  // One launch; `parameters` are 8 bytes each. `meanwhile` has a thread of its own.
  CUresult run(
      uint32_t blocks, uint32_t threads, std::vector<uint64_t> parameters, uint32_t threads_y = 1,
      const std::function<void(software::Job&)>& meanwhile = [](software::Job&) {}) {
    auto entry = program->entry(0, software::grouping_of(threads, threads_y, 1));
    EXPECT_TRUE(entry) << entry.error();
    software::Job job;
    software::Launch& launch = job.launch;
    launch.parameters = reinterpret_cast<const uint8_t*>(parameters.data());
    launch.grid[0] = blocks;
    launch.grid[1] = launch.grid[2] = launch.block[2] = 1;
    launch.block[0] = threads;
    launch.block[1] = threads_y;
    launch.total_shared = program->kernels()[0].static_shared;
    launch.local_bytes = entry.value().local_bytes;
    launch.kept_bytes = entry.value().kept_bytes;
    launch.lanes = entry.value().lanes;
    launch.warps = (threads * threads_y + 31) / 32;
    launch.kernel_name = "k";
    launch.device = &job;
    job.entry = entry.value().code;
    job.stack_bytes += entry.value().stack_bytes;
    job.blocks = blocks;
    software::Pool pool(2);
    std::thread other([&] { meanwhile(job); });
    std::thread([&] {
      software::prepare_kernel_thread();
      pool.run(job);
    }).join();
    other.join();
    return job.error.load();
  }
};

inline uint64_t at(void* data) { return reinterpret_cast<uint64_t>(data); }

// Thread index in %r1, parameter p in %d1, address of the thread's 4-byte element in %d2.
inline constexpr const char* prologue = R"(
  .reg .pred %p<8>; .reg .b16 %h<8>; .reg .b32 %r<32>; .reg .b64 %d<16>; .reg .f32 %f<16>; .reg .f64 %g<8>;
  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r1, %r1, %r2, %r3;
  ld.param.u64 %d1, [p]; cvta.to.global.u64 %d1, %d1; mul.wide.s32 %d3, %r1, 4; add.s64 %d2, %d1, %d3;
)";

inline std::string one(const std::string& body) {
  return ".visible .entry k(.param .u64 p)\n{" + std::string(prologue) + body + "\nret;\n}\n";
}

}  // namespace test
