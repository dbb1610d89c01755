// Streams that wait for values in memory and write values, events of graphs that other streams see, attributes.
#include <cuda.h>

#include <cstdio>
#include <cstdlib>

#include "driver_check.h"

int main() {
  CUdevice device;
  CUcontext context;
  DRIVER(cuInit(0));
  DRIVER(cuDeviceGet(&device, 0));
  DRIVER(cuDevicePrimaryCtxRetain(&context, device));
  DRIVER(cuCtxSetCurrent(context));
  CUstream waiting, writing;
  DRIVER(cuStreamCreate(&waiting, CU_STREAM_NON_BLOCKING));
  DRIVER(cuStreamCreate(&writing, CU_STREAM_NON_BLOCKING));
  CUdeviceptr flag, data;
  DRIVER(cuMemAlloc(&flag, 64));
  DRIVER(cuMemAlloc(&data, 64));
  DRIVER(cuMemsetD32(flag, 0, 16));
  DRIVER(cuMemsetD32(data, 0, 16));
  DRIVER(cuCtxSynchronize());

  // The first stream waits until the second one has written.
  DRIVER(cuStreamWaitValue32(waiting, flag, 7, CU_STREAM_WAIT_VALUE_EQ));
  DRIVER(cuMemcpyDtoDAsync(data + 4, data, 4, waiting));
  EXPECT(cuStreamQuery(waiting) == CUDA_ERROR_NOT_READY);
  DRIVER(cuMemsetD32Async(data, 42, 1, writing));
  DRIVER(cuStreamWriteValue32(writing, flag, 7, 0));
  DRIVER(cuStreamSynchronize(waiting));
  unsigned host[16];
  DRIVER(cuMemcpyDtoH(host, data, sizeof host));
  EXPECT(host[1] == 42);

  // 64 bits, comparisons that go round, and several operations at once.
  DRIVER(cuStreamWaitValue64(waiting, flag + 8, 3, CU_STREAM_WAIT_VALUE_GEQ));
  CUstreamBatchMemOpParams operations[3] = {};
  operations[0].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_64;
  operations[0].writeValue.address = flag + 8;
  operations[0].writeValue.value64 = 1ull << 40;
  operations[1].memoryBarrier.operation = CU_STREAM_MEM_OP_BARRIER;
  operations[2].waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
  operations[2].waitValue.address = flag;
  operations[2].waitValue.value = 2;
  operations[2].waitValue.flags = CU_STREAM_WAIT_VALUE_AND;
  DRIVER(cuStreamBatchMemOp(writing, 3, operations, 0));
  DRIVER(cuStreamSynchronize(waiting));
  DRIVER(cuStreamSynchronize(writing));
  DRIVER(cuStreamWaitValue32(waiting, flag, 0xfffffff0u, CU_STREAM_WAIT_VALUE_GEQ));  // 7 - 0xfffffff0 is 23
  DRIVER(cuStreamWaitValue32(waiting, flag, 7, CU_STREAM_WAIT_VALUE_NOR));
  DRIVER(cuStreamSynchronize(waiting));
  EXPECT(cuStreamBatchMemOp(waiting, 300, operations, 0) == CUDA_ERROR_INVALID_VALUE);
  DRIVER(cuMemcpyDtoH(host, flag, sizeof host));
  EXPECT(host[0] == 7 && host[3] == 256);
  std::printf("values: %u %u\n", host[0], host[3]);

  // The same in a graph, with events that others wait for.
  CUevent started, allowed;
  DRIVER(cuEventCreate(&started, CU_EVENT_DISABLE_TIMING));
  DRIVER(cuEventCreate(&allowed, CU_EVENT_DISABLE_TIMING));
  DRIVER(cuMemsetD32Async(data, 9, 1, writing));
  DRIVER(cuStreamWaitValue32(writing, flag + 16, 1, CU_STREAM_WAIT_VALUE_EQ));
  DRIVER(cuEventRecord(allowed, writing));
  DRIVER(cuStreamBeginCapture(waiting, CU_STREAM_CAPTURE_MODE_RELAXED));
  DRIVER(cuStreamWriteValue32(waiting, flag + 16, 1, 0));
  DRIVER(cuEventRecordWithFlags(started, waiting, CU_EVENT_RECORD_EXTERNAL));
  DRIVER(cuStreamWaitEvent(waiting, allowed, CU_EVENT_WAIT_EXTERNAL));
  DRIVER(cuMemcpyDtoDAsync(data + 8, data, 4, waiting));
  CUgraph graph;
  DRIVER(cuStreamEndCapture(waiting, &graph));
  CUgraphNode nodes[8];
  size_t count = 8;
  DRIVER(cuGraphGetNodes(graph, nodes, &count));
  const CUgraphNodeType wanted[] = {CU_GRAPH_NODE_TYPE_BATCH_MEM_OP, CU_GRAPH_NODE_TYPE_EVENT_RECORD,
                                    CU_GRAPH_NODE_TYPE_WAIT_EVENT, CU_GRAPH_NODE_TYPE_MEMCPY};
  EXPECT(count == 4);
  for (size_t i = 0; i < count; ++i) {
    CUgraphNodeType type;
    DRIVER(cuGraphNodeGetType(nodes[i], &type));
    EXPECT(type == wanted[i]);
  }
  CUDA_BATCH_MEM_OP_NODE_PARAMS shown;
  DRIVER(cuGraphBatchMemOpNodeGetParams(nodes[0], &shown));
  EXPECT(shown.count == 1 && shown.paramArray[0].writeValue.address == flag + 16);
  CUevent event;
  DRIVER(cuGraphEventRecordNodeGetEvent(nodes[1], &event));
  EXPECT(event == started);
  CUgraphExec exec;
  DRIVER(cuGraphInstantiate(&exec, graph, 0));
  DRIVER(cuGraphLaunch(exec, waiting));
  DRIVER(cuEventSynchronize(started));
  DRIVER(cuStreamSynchronize(waiting));
  DRIVER(cuMemcpyDtoH(host, data, sizeof host));
  EXPECT(host[2] == 9);
  std::printf("events of a graph: %u\n", host[2]);
  DRIVER(cuGraphExecDestroy(exec));
  DRIVER(cuGraphDestroy(graph));

  // What a stream is told it remembers.
  CUstreamAttrValue value = {}, read = {};
  value.syncPolicy = CU_SYNC_POLICY_SPIN;
  DRIVER(cuStreamSetAttribute(waiting, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value));
  DRIVER(cuStreamCopyAttributes(writing, waiting));
  DRIVER(cuStreamGetAttribute(writing, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &read));
  EXPECT(read.syncPolicy == CU_SYNC_POLICY_SPIN);
  EXPECT(cuStreamGetAttribute(writing, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &read) == CUDA_ERROR_INVALID_VALUE);
  std::printf("attributes\n");
}
