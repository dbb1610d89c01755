// A graph as calls: every node makes its calls once, on a stream that only records.
#include "client/cuda/graph/record.h"

#include <algorithm>

#include "client/cuda/coherence.h"
#include "client/cuda/graph/copies.h"
#include "client/cuda/modules.h"
#include "client/session.h"

namespace client::graph {
namespace {

// A stream that only records.
class RecordingStream {
 public:
  RecordingStream() = default;
  ~RecordingStream() {
    if (stream_) remote::cuStreamDestroy_v2(stream_);
  }
  RecordingStream(const RecordingStream&) = delete;
  RecordingStream& operator=(const RecordingStream&) = delete;
  CUresult create() { return remote::cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING); }
  operator CUstream() const { return stream_; }

 private:
  CUstream stream_ = nullptr;
};

LaunchShape shape_of(const KernelWork& work) {
  LaunchShape shape = work.shape;
  for (const CUlaunchAttribute& attribute : work.attributes) {
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) shape.cooperative = attribute.value.cooperative != 0;
    const auto& cluster = attribute.value.clusterDim;
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      std::copy_n(std::initializer_list<uint32_t>{cluster.x, cluster.y, cluster.z}.begin(), 3, shape.cluster);
  }
  return shape;
}

class Recorder {
 public:
  Recorder(CUstream stream, HostSide& host) : stream_(stream), host_(host) {}

  // Nodes without dependencies come after `entry`; the result is what comes after all.
  CUresult graph(const Graph& graph, const std::vector<uint32_t>& entry, std::vector<uint32_t>& exit) {
    std::unordered_map<const Node*, uint32_t> numbers;
    for (Node* node : topological_order(graph)) {
      std::vector<uint32_t> after;
      for (const Edge& edge : node->dependencies) after.push_back(numbers[edge.before]);
      if (after.empty()) after = entry;
      if (CUresult result = begin(after)) return result;
      if (node->enabled)
        if (CUresult result = std::visit(*this, node->work)) return result;
      numbers[node] = last_;
      if (node->dependents.empty()) exit.push_back(last_);
    }
    if (exit.empty()) exit = entry;
    return CUDA_SUCCESS;
  }

  // The values of conditions before anything else.
  CUresult set_conditions(const Graph& graph, std::vector<uint32_t>& entry) {
    for (const auto& condition : graph.conditions) {
      if (!condition->flags) continue;
      if (CUresult result = begin(entry)) return result;
      if (CUresult result = remote::cuMemsetD32Async(condition->handle, condition->initial, 1, stream_)) return result;
      entry = {last_};
    }
    return CUDA_SUCCESS;
  }

  CUresult operator()(const KernelWork& work) {
    const Function* function = find_function(work.function);
    if (!function) return CUDA_ERROR_INVALID_VALUE;
    LaunchShape shape = shape_of(work);
    return remote::obLaunch(reinterpret_cast<CUfunction>(function->number), &shape, work.parameters.data(),
                            work.parameters.size(), stream_);
  }
  CUresult operator()(const CopyWork& work) { return record_copy(work.copy, host_, stream_); }
  CUresult operator()(const FillWork& work) { return fill(work.fill); }
  CUresult operator()(const HostWork& work) {
    return remote::obHostFunction(stream_, host_.function(work.run, work.data));
  }
  CUresult operator()(const ChildWork& work) {
    std::vector<uint32_t> exit;
    if (CUresult result = graph(*work.graph, {last_}, exit)) return result;
    return begin(exit);
  }
  CUresult operator()(const WaitWork& work) { return remote::cuStreamWaitEvent(stream_, work.event, 0); }
  CUresult operator()(const RecordWork& work) { return remote::cuEventRecord(work.event, stream_); }
  CUresult operator()(const MemoryOperationsWork& work) {
    return remote::obStreamMemOps(stream_, work.operations.data(), static_cast<unsigned>(work.operations.size()),
                                  work.flags);
  }
  CUresult operator()(const ConditionalWork& work) {
    auto count = static_cast<unsigned>(work.bodies.size());
    if (CUresult result = remote::obGraphCondition(stream_, work.params.handle, work.params.type, count)) return result;
    for (unsigned i = 0; i < count; ++i) {
      RecordingStream stream;
      std::vector<uint32_t> exit;
      if (CUresult result = stream.create()) return result;
      if (CUresult result = remote::obGraphBody(stream_, i, stream)) return result;
      if (CUresult result = Recorder(stream, host_).graph(*work.bodies[i], {}, exit)) return result;
      if (CUresult result = remote::obGraphEndBody(stream)) return result;
    }
    return CUDA_SUCCESS;
  }
  // Addresses of memory nodes are fixed, so there is nothing to do for these at a launch.
  CUresult operator()(const AllocateWork&) { return CUDA_SUCCESS; }
  CUresult operator()(const FreeWork&) { return CUDA_SUCCESS; }
  CUresult operator()(const EmptyWork&) { return CUDA_SUCCESS; }
  CUresult operator()(const SignalSemaphoreWork&) { return CUDA_ERROR_NOT_SUPPORTED; }
  CUresult operator()(const WaitSemaphoreWork&) { return CUDA_ERROR_NOT_SUPPORTED; }

 private:
  CUresult begin(const std::vector<uint32_t>& after) {
    last_ = next_++;
    static constexpr uint32_t none = 0;
    return remote::obGraphNode(stream_, after.empty() ? &none : after.data(), after.size());
  }

  CUresult fill(const CUDA_MEMSET_NODE_PARAMS_v2& fill) {
    const auto& [to, pitch, value, element, width, height, context] = fill;
    auto byte = static_cast<unsigned char>(value);
    auto half = static_cast<unsigned short>(value);
    if (!width || !height) return CUDA_SUCCESS;
    if (height == 1) {
      if (element == 1) return remote::cuMemsetD8Async(to, byte, width, stream_);
      if (element == 2) return remote::cuMemsetD16Async(to, half, width, stream_);
      return remote::cuMemsetD32Async(to, value, width, stream_);
    }
    if (element == 1) return remote::cuMemsetD2D8Async(to, pitch, byte, width, height, stream_);
    if (element == 2) return remote::cuMemsetD2D16Async(to, pitch, half, width, height, stream_);
    return remote::cuMemsetD2D32Async(to, pitch, value, width, height, stream_);
  }

  const CUstream stream_;
  HostSide& host_;
  uint32_t next_ = 0, last_ = 0;
};

}  // namespace

CUresult record(const Graph& graph, HostSide& host, bool waits, CUgraphExec& recorded) {
  RecordingStream stream;
  if (CUresult result = stream.create()) return result;
  if (CUresult result = remote::obGraphBegin(stream)) return result;
  Recorder recorder(stream, host);
  std::vector<uint32_t> entry, exit;
  CUresult result = recorder.set_conditions(graph, entry);
  if (result == CUDA_SUCCESS) result = recorder.graph(graph, entry, exit);
  CUgraph made = nullptr;
  if (CUresult ended = remote::obGraphEnd(stream, &made)) return result ? result : ended;
  if (result == CUDA_SUCCESS)
    result =
        waits ? remote::cuGraphInstantiateWithFlags(&recorded, made, 0) : remote::obGraphInstantiate(&recorded, made);
  remote::cuGraphDestroy(made);
  return result;
}

CUresult before_graph_launch(const Graph& graph, CUstream stream) {
  CUresult result = CUDA_SUCCESS;
  auto use = [&](uint64_t address) {
    if (result == CUDA_SUCCESS) result = before_device_use(address, stream);
  };
  each_node(graph, [&](Node& node) {
    if (auto* kernel = std::get_if<KernelWork>(&node.work); kernel && result == CUDA_SUCCESS)
      result = before_launch(kernel->parameters, stream);
    if (auto* fill = std::get_if<FillWork>(&node.work)) use(fill->fill.dst);
    if (auto* copy = std::get_if<CopyWork>(&node.work)) use(copy->copy.dstDevice), use(copy->copy.srcDevice);
    if (auto* work = std::get_if<MemoryOperationsWork>(&node.work))
      for (const auto& operation : work->operations) use(operation.waitValue.address);
  });
  return result;
}

}  // namespace client::graph
