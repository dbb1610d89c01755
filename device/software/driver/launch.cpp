// Launches: checks the shape, packs the parameters, and runs the kernel in its stream's turn.
#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "device/software/driver/checking.h"
#include "device/software/driver/functions.h"
#include "device/software/driver/limits.h"
#include "device/software/driver/occupancy.h"
#include "device/software/driver/state.h"
#include "device/software/run/cluster.h"

namespace software {
namespace {

struct LaunchShape {
  uint32_t grid[3], block[3];
  uint32_t dynamic_shared;
  bool cooperative = false;
  uint32_t cluster[3] = {};  // 0: as the kernel says

  uint32_t cluster_blocks() const { return cluster[0] ? cluster[0] * cluster[1] * cluster[2] : 1; }
};

// CUDA's `extra` list (cuda.h: CU_LAUNCH_PARAM_...): pairs, then the end mark.
constexpr uintptr_t extra_end = 0, extra_pointer = 1, extra_size = 2;
constexpr size_t slack = 64;  // generated code may load whole vectors at the end of the parameters

uint64_t threads_of(const LaunchShape& shape) { return uint64_t{shape.block[0]} * shape.block[1] * shape.block[2]; }

CUresult check_shape(const LaunchShape& shape, const Function& function) {
  constexpr uint32_t most_grid[3] = {limit::grid_x, limit::grid_y, limit::grid_z};
  constexpr uint32_t most_block[3] = {limit::block_x, limit::block_y, limit::block_z};
  const Kernel& kernel = function.kernel();
  for (int i = 0; i < 3; ++i) {
    if (shape.grid[i] == 0 || shape.grid[i] > most_grid[i]) return CUDA_ERROR_INVALID_VALUE;
    if (shape.block[i] == 0 || shape.block[i] > most_block[i]) return CUDA_ERROR_INVALID_VALUE;
    if (kernel.required_block[0] && shape.block[i] != std::max(1u, kernel.required_block[i]))
      return CUDA_ERROR_INVALID_VALUE;
  }
  uint64_t most_threads = kernel.max_threads ? kernel.max_threads : limit::threads_per_block;
  if (threads_of(shape) > std::min<uint64_t>(most_threads, limit::threads_per_block)) return CUDA_ERROR_INVALID_VALUE;
  if (shape.dynamic_shared > static_cast<uint32_t>(function.max_dynamic_shared.load())) return CUDA_ERROR_INVALID_VALUE;
  uint64_t blocks = uint64_t{shape.grid[0]} * shape.grid[1] * shape.grid[2];
  uint32_t resident = blocks_per_processor(kernel, static_cast<uint32_t>(threads_of(shape)), shape.dynamic_shared);
  if (shape.cooperative && blocks > uint64_t{resident} * device().pool.threads())
    return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
  return CUDA_SUCCESS;
}

// PTX ISA, ".reqnctapercluster", ".explicitcluster"; CUDA C++ Programming Guide, "Thread Block Clusters": up to eight
// blocks, more only where the kernel says so, and a grid of whole clusters.
CUresult choose_cluster(LaunchShape& shape, const Function& function) {
  const Kernel& kernel = function.kernel();
  if (kernel.cluster[0] && shape.cluster[0] && !std::ranges::equal(kernel.cluster, shape.cluster))
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  if (!shape.cluster[0]) std::ranges::copy(kernel.cluster, shape.cluster);
  if (!shape.cluster[0]) return kernel.explicit_cluster ? CUDA_ERROR_INVALID_CLUSTER_SIZE : CUDA_SUCCESS;
  uint64_t most = function.large_clusters ? limit::cluster_blocks : limit::portable_cluster_blocks, blocks = 1;
  for (int i = 0; i < 3; ++i) {
    blocks *= shape.cluster[i];
    if (blocks == 0 || blocks > most || shape.grid[i] % shape.cluster[i]) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  }
  return CUDA_SUCCESS;
}

CUresult pack(const Kernel& kernel, void** parameters, void** extra, std::vector<uint8_t>& bytes) {
  bytes.assign(kernel.parameter_bytes + slack, 0);
  if (kernel.parameter_sizes.empty()) return CUDA_SUCCESS;
  if (parameters) {
    for (size_t i = 0; i < kernel.parameter_sizes.size(); ++i) {
      if (!parameters[i]) return CUDA_ERROR_INVALID_VALUE;
      std::memcpy(bytes.data() + kernel.parameter_offsets[i], parameters[i], kernel.parameter_sizes[i]);
    }
    return CUDA_SUCCESS;
  }
  const void* buffer = nullptr;
  size_t size = 0;
  for (; extra && reinterpret_cast<uintptr_t>(*extra) != extra_end; extra += 2) {
    auto key = reinterpret_cast<uintptr_t>(extra[0]);
    if (key == extra_pointer)
      buffer = extra[1];
    else if (key == extra_size && extra[1])
      std::memcpy(&size, extra[1], sizeof size);
    else
      return CUDA_ERROR_INVALID_VALUE;
  }
  // The buffer may end with the last parameter, without the padding behind it.
  size_t needed = kernel.parameter_offsets.back() + kernel.parameter_sizes.back();
  if (!buffer || size < needed) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(bytes.data(), buffer, needed);
  return CUDA_SUCCESS;
}

// Everything a queued launch needs; owns its parameter bytes.
struct Queued {
  std::shared_ptr<Context> context;
  std::shared_ptr<Function> function;  // keeps the module's code
  std::vector<uint8_t> parameters;
  Job job;
};

void run(Queued& queued) {
  if (queued.context->error()) return;
  Job& job = queued.job;
  job.rewind();
  device().pool.run(job);
  if (device().checker) device().checker->ended(job);
  queued.context->print(job.take_printed(), std::move(job.complaint));
  if (CUresult error = job.error) queued.context->fail(error);
}

// The code for this shape, compiled now if it was never launched before.
CUresult choose(Function& function, const LaunchShape& shape, Job& job) {
  Grouping grouping = grouping_of(shape.block[0], shape.block[1], shape.block[2]);
  grouping.checked = device().checker != nullptr;
  auto compiled = function.module->program->entry(function.index, grouping);
  if (!compiled) {
    base::log(base::Level::error, "kernel cannot be compiled", {{"reason", compiled.error()}});
    return CUDA_ERROR_INVALID_PTX;
  }
  const Entry& entry = compiled.value();
  job.entry = entry.code;
  entry.prepare(job.launch);
  function.local_bytes = entry.local_bytes;
  job.stack_bytes += entry.stack_bytes;
  return CUDA_SUCCESS;
}

void fill(Job& job, const LaunchShape& shape, const Kernel& kernel, Context& context) {
  Launch& launch = job.launch;
  for (int i = 0; i < 3; ++i) {
    launch.grid[i] = shape.grid[i];
    launch.block[i] = shape.block[i];
  }
  uint32_t threads = static_cast<uint32_t>(threads_of(shape));
  launch.dynamic_shared = shape.dynamic_shared;
  launch.total_shared = kernel.static_shared + shape.dynamic_shared;
  launch.warps = (threads + warp_size - 1) / warp_size;
  launch.grid_id = ++device().numbers;
  launch.device = &job;
  job.watcher = device().checker.get();
  launch.processors = static_cast<uint32_t>(device().pool.threads());
  launch.kernel_name = kernel.name.c_str();
  launch.parameter_bytes = kernel.parameter_bytes;
  launch.explicit_cluster = shape.cluster[0] != 0;
  launch.cluster_blocks = shape.cluster_blocks();
  if (shape.cluster[0]) std::ranges::copy(shape.cluster, launch.cluster);
  if (launch.cluster_blocks > 1) launch.shared_pitch = pitch_of(launch.total_shared);
  launch.grid_workspace = shape.cooperative ? reinterpret_cast<uint64_t>(&job.workspace) : 0;
  job.heap = &context.heap();
  job.owner = &context;
  job.blocks = uint64_t{shape.grid[0]} * shape.grid[1] * shape.grid[2];
  job.cooperative = shape.cooperative;
  job.shared_alignment = kernel.shared_alignment;
  job.resident = blocks_per_processor(kernel, threads, shape.dynamic_shared);
  std::lock_guard hold(context.limits_lock);
  // The limit is per thread; a warp's calls share native frames that hold all its lanes' spills.
  job.stack_bytes += context.limits[CU_LIMIT_STACK_SIZE] * warp_size * 2;
}

CUresult launch(CUfunction handle, LaunchShape shape, CUstream stream_handle, void** parameters, void** extra) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(stream_handle, context, stream)) return bad;
  std::shared_ptr<Function> function = device().functions.find(handle);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (CUresult bad = check_shape(shape, *function)) return bad;
  if (CUresult bad = choose_cluster(shape, *function)) return bad;
  auto queued = std::make_shared<Queued>();
  const Kernel& kernel = function->kernel();
  if (CUresult bad = pack(kernel, parameters, extra, queued->parameters)) return bad;
  if (CUresult bad = choose(*function, shape, queued->job)) return bad;
  fill(queued->job, shape, kernel, *context);
  queued->job.launch.parameters = queued->parameters.data();
  queued->job.priority = stream->priority();
  queued->context = context;
  queued->function = std::move(function);
  context->submit(
      stream, [queued = std::move(queued)] { run(*queued); }, {}, Runner::anyone);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                        unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                        unsigned int sharedMemBytes, CUstream hStream, void** kernelParams, void** extra) {
  return launch(f, {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes}, hStream,
                kernelParams, extra);
}

CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                                   unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                                   unsigned int sharedMemBytes, CUstream hStream, void** kernelParams) {
  return launch(f, {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes, true}, hStream,
                kernelParams, nullptr);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams, void** extra) {
  if (!config || (config->numAttrs && !config->attrs)) return CUDA_ERROR_INVALID_VALUE;
  const CUlaunchConfig& c = *config;
  LaunchShape shape{{c.gridDimX, c.gridDimY, c.gridDimZ}, {c.blockDimX, c.blockDimY, c.blockDimZ}, c.sharedMemBytes};
  for (unsigned i = 0; i < c.numAttrs; ++i) {
    const CUlaunchAttributeValue& value = c.attrs[i].value;
    if (c.attrs[i].id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) shape.cooperative = value.cooperative != 0;
    // The other attributes are hints here: streams and events order launches by themselves.
    if (c.attrs[i].id != CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) continue;
    shape.cluster[0] = value.clusterDim.x, shape.cluster[1] = value.clusterDim.y, shape.cluster[2] = value.clusterDim.z;
    if (shape.cluster_blocks() == 0 || !shape.cluster[0]) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  }
  return launch(f, shape, c.hStream, kernelParams, extra);
}

}  // namespace software
