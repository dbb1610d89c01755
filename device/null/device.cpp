// What the null device says about itself, and the calls that it only has to accept.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

#include "api/cuda/device_facts.h"
#include "device/null/functions.h"
#include "device/null/state.h"

namespace null_device {
namespace {

struct Attribute {
  int name, value;
};
// Enough for programs to launch; what is not listed is 0.
constexpr Attribute attributes[] = {{api::attribute_runs_every_ptx, 1},
                                    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
                                    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
                                    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
                                    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
                                    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 0x7fffffff},
                                    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
                                    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
                                    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 48 << 10},
                                    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 227 << 10},
                                    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 228 << 10},
                                    {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
                                    {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
                                    {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 1},
                                    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
                                    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 9},
                                    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
                                    {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1},
                                    {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
                                    {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
                                    {CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 1},
                                    {CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, 1},
                                    {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 1}};

// Streams that a graph is recorded on: what is put there does not happen now, and later nothing does.
struct Recording {
  std::mutex lock;
  std::set<CUstream> streams;
};
Recording& recording() {
  static auto* made = new Recording;
  return *made;
}
bool records(CUstream stream) {
  std::lock_guard hold(recording().lock);
  return recording().streams.contains(stream);
}

}  // namespace

CUresult cuInit(unsigned int) { return CUDA_SUCCESS; }

CUresult cuDriverGetVersion(int* driverVersion) { return *driverVersion = 13000, CUDA_SUCCESS; }

CUresult cuDeviceGetCount(int* count) {
  const char* setting = std::getenv("OUTBOARD_DEVICES");
  *count = setting ? std::clamp(std::atoi(setting), 1, 16) : 1;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int len, CUdevice) {
  std::strncpy(name, api::null_device_name, static_cast<size_t>(len) - 1);
  name[len - 1] = 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev) {
  *uuid = {};
  std::memcpy(uuid->bytes, "outboard null", 13);
  uuid->bytes[15] = static_cast<char>(dev);
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) { return *bytes = addresses().limit(), CUDA_SUCCESS; }

CUresult cuDeviceGetAttribute(int* pi, CUdevice_attribute attrib, CUdevice) {
  auto found = std::ranges::find(attributes, static_cast<int>(attrib), &Attribute::name);
  *pi = found == std::end(attributes) ? 0 : found->value;
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext ctx) { return current_context() = ctx, CUDA_SUCCESS; }

// --- what waits, waits for host functions

CUresult cuCtxSynchronize() { return wait_for_all(), CUDA_SUCCESS; }
CUresult cuStreamSynchronize(CUstream) { return wait_for_all(), CUDA_SUCCESS; }
CUresult cuEventSynchronize(CUevent) { return wait_for_all(), CUDA_SUCCESS; }
CUresult cuStreamQuery(CUstream) { return all_have_run() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY; }
CUresult cuEventQuery(CUevent) { return all_have_run() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY; }

CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  if (!fn) return CUDA_ERROR_INVALID_VALUE;
  if (!records(hStream)) run_later(fn, userData);
  return CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream,
                        void**, void**) {
  return CUDA_SUCCESS;
}
CUresult cuLaunchKernelEx(const CUlaunchConfig*, CUfunction, void**, void**) { return CUDA_SUCCESS; }
CUresult cuStreamBatchMemOp_v2(CUstream, unsigned, CUstreamBatchMemOpParams*, unsigned) { return CUDA_SUCCESS; }

// --- graphs

CUresult cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode) {
  std::lock_guard hold(recording().lock);
  recording().streams.insert(hStream);
  return CUDA_SUCCESS;
}

CUresult cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph, const CUgraphNode*, const CUgraphEdgeData*, size_t,
                                     CUstreamCaptureMode mode) {
  return null_device::cuStreamBeginCapture_v2(hStream, mode);
}

CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  std::lock_guard hold(recording().lock);
  recording().streams.erase(hStream);
  *phGraph = numbered<CUgraph>();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                                   const CUgraphNode** nodes, size_t* count) {
  *status = records(hStream) ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
  if (id) *id = reinterpret_cast<uint64_t>(hStream);
  if (graph) *graph = numbered<CUgraph>();
  if (nodes) *nodes = nullptr;
  if (count) *count = 0;
  return CUDA_SUCCESS;
}

CUresult cuStreamUpdateCaptureDependencies(CUstream, CUgraphNode*, size_t, unsigned) { return CUDA_SUCCESS; }

CUresult cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph, const CUgraphNode*, const CUgraphEdgeData*, size_t,
                           CUgraphNodeParams* nodeParams) {
  static CUgraph bodies[1 << 16] = {};  // more than a conditional node can have (CUDA Driver API, "size")
  if (nodeParams->type == CU_GRAPH_NODE_TYPE_CONDITIONAL) nodeParams->conditional.phGraph_out = bodies;
  *phGraphNode = numbered<CUgraphNode>();
  return CUDA_SUCCESS;
}

// What a graph keeps, stays until the worker ends.
CUresult cuUserObjectCreate(CUuserObject* object, void*, CUhostFn, unsigned, unsigned) {
  *object = numbered<CUuserObject>();
  return CUDA_SUCCESS;
}
CUresult cuUserObjectRelease(CUuserObject, unsigned) { return CUDA_SUCCESS; }
CUresult cuGraphRetainUserObject(CUgraph, CUuserObject, unsigned, unsigned) { return CUDA_SUCCESS; }

// --- textures

CUresult cuTexObjectCreate(CUtexObject* object, const CUDA_RESOURCE_DESC*, const CUDA_TEXTURE_DESC*,
                           const CUDA_RESOURCE_VIEW_DESC*) {
  return *object = new_number(), CUDA_SUCCESS;
}
CUresult cuSurfObjectCreate(CUsurfObject* object, const CUDA_RESOURCE_DESC*) {
  return *object = new_number(), CUDA_SUCCESS;
}

}  // namespace null_device
