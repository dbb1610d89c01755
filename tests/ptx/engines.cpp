#include "tests/ptx/engines.h"

#include <cstring>
#include <span>
#include <thread>

#include "device/software/run/faults.h"
#include "device/software/run/pool.h"

namespace test {

std::string Reference::run(const std::string& kernel, Shape shape, const std::vector<uint64_t>& parameters) {
  reference::Launch launch;
  launch.grid[0] = shape.blocks;
  launch.block[0] = shape.threads;
  launch.backwards = backwards_;
  launch.parameters.resize(parameters.size() * 8);
  std::memcpy(launch.parameters.data(), parameters.data(), launch.parameters.size());
  return machine_.run(kernel, launch);
}

std::string Compiled::load(const std::string& text) {
  auto allocate = [this](uint64_t size, uint64_t alignment) {
    memory_.push_back(std::make_unique<uint8_t[]>(size + alignment));
    auto place = reinterpret_cast<uint64_t>(memory_.back().get());
    return (place + alignment - 1) / alignment * alignment;
  };
  auto compiled = software::compile(std::span(&text, 1), allocate);
  if (!compiled) return compiled.error();
  program_ = std::move(compiled.value());
  return {};
}

std::string Compiled::run(const std::string& kernel, Shape shape, const std::vector<uint64_t>& parameters) {
  const auto& kernels = program_->kernels();
  size_t index = 0;
  while (index < kernels.size() && kernels[index].name != kernel) ++index;
  if (index == kernels.size()) return "no kernel " + kernel;
  auto entry = program_->entry(index, software::grouping_of(shape.threads, 1, 1));
  if (!entry) return entry.error();
  software::Job job;
  software::Launch& launch = job.launch;
  launch.parameters = reinterpret_cast<const uint8_t*>(parameters.data());
  launch.parameter_bytes = static_cast<uint32_t>(parameters.size() * 8);
  launch.grid[0] = shape.blocks;
  launch.block[0] = shape.threads;
  launch.grid[1] = launch.grid[2] = launch.block[1] = launch.block[2] = 1;
  launch.total_shared = kernels[index].static_shared;
  launch.local_bytes = entry.value().local_bytes;
  launch.kept_bytes = entry.value().kept_bytes;
  launch.lanes = entry.value().lanes;
  launch.warps = (shape.threads + 31) / 32;
  launch.kernel_name = kernel.c_str();
  launch.device = &job;
  job.entry = entry.value().code;
  job.stack_bytes += entry.value().stack_bytes;
  job.blocks = shape.blocks;
  software::Pool pool(workers_);
  std::thread([&] {
    software::prepare_kernel_thread();
    pool.run(job);
  }).join();
  return job.error.load() == CUDA_SUCCESS ? "" : "the launch failed with error " + std::to_string(job.error.load());
}

}  // namespace test
