// What NVIDIA's driver can do and a worker cannot pass on; each is named in the log once.
#include <algorithm>
#include <atomic>

#include "api/cuda/device_facts.h"
#include "base/log.h"
#include "device/nvidia/functions.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

CUresult refuse(std::atomic_flag& said, const char* what, const char* why) {
  if (!said.test_and_set())
    base::log(base::Level::warn, "not supported by a remote GPU", {{"what", what}, {"why", why}});
  return CUDA_ERROR_NOT_SUPPORTED;
}

// What a program may find out it can do here, and cannot over a link.
constexpr CUdevice_attribute withheld[] = {
    // The host's page tables are not the GPU's when they are on two machines.
    CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES,
    CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, CU_DEVICE_ATTRIBUTE_DIRECT_MANAGED_MEM_ACCESS_FROM_HOST,
    CU_DEVICE_ATTRIBUTE_HOST_NATIVE_ATOMIC_SUPPORTED,
    // Descriptors of memory stay with the worker.
    CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED,
    // Another device of the client's machine is not on this GPU's bus.
    CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED, CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WITH_CUDA_VMM_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED};

}  // namespace

CUresult cuDeviceGetAttribute(int* pi, CUdevice_attribute attrib, CUdevice dev) {
  CUresult result = vendor().cuDeviceGetAttribute(pi, attrib, dev);
  if (result == CUDA_SUCCESS && std::ranges::find(withheld, attrib) != std::end(withheld)) *pi = 0;
  return result;
}

CUresult cuIpcGetMemHandle(CUipcMemHandle*, CUdeviceptr) {
  static std::atomic_flag said;
  return refuse(said, "cuIpcGetMemHandle", "the driver shares no memory that was mapped at an address of our choice");
}

CUresult cuIpcOpenMemHandle_v2(CUdeviceptr*, CUipcMemHandle, unsigned int) {
  static std::atomic_flag said;
  return refuse(said, "cuIpcOpenMemHandle", "the driver would choose an address that the client may not have free");
}

// The driver's handles of conditions belong to its own graph, which is made when the client instantiates its own;
// kernels have been given ours by then.
CUresult cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                           const CUgraphEdgeData* dependencyData, size_t numDependencies,
                           CUgraphNodeParams* nodeParams) {
  static std::atomic_flag said;
  if (nodeParams->type == CU_GRAPH_NODE_TYPE_CONDITIONAL)
    return refuse(said, "conditional nodes of graphs", "their handles cannot be chosen before the graph is made");
  return vendor().cuGraphAddNode_v2(phGraphNode, hGraph, dependencies, dependencyData, numDependencies, nodeParams);
}

}  // namespace nvidia
