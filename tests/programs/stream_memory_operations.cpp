// Streams that wait for values in memory and write values, events of graphs that other streams see, attributes.
#include <cuda.h>

#include <cstdio>
#include <cstdlib>

#define CHECK(call)                                                                    \
  do {                                                                                 \
    CUresult check_error = (call);                                                     \
    if (check_error) {                                                                 \
      std::fprintf(stderr, "%s:%d: %s: %d\n", __FILE__, __LINE__, #call, check_error); \
      std::exit(1);                                                                    \
    }                                                                                  \
  } while (0)
#define EXPECT(truth)                                                          \
  do {                                                                         \
    if (!(truth)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth); \
      std::exit(1);                                                            \
    }                                                                          \
  } while (0)

int main() {
  CUdevice device;
  CUcontext context;
  CHECK(cuInit(0));
  CHECK(cuDeviceGet(&device, 0));
  CHECK(cuDevicePrimaryCtxRetain(&context, device));
  CHECK(cuCtxSetCurrent(context));
  CUstream waiting, writing;
  CHECK(cuStreamCreate(&waiting, CU_STREAM_NON_BLOCKING));
  CHECK(cuStreamCreate(&writing, CU_STREAM_NON_BLOCKING));
  CUdeviceptr flag, data;
  CHECK(cuMemAlloc(&flag, 64));
  CHECK(cuMemAlloc(&data, 64));
  CHECK(cuMemsetD32(flag, 0, 16));
  CHECK(cuMemsetD32(data, 0, 16));
  CHECK(cuCtxSynchronize());

  // The first stream waits until the second one has written.
  CHECK(cuStreamWaitValue32(waiting, flag, 7, CU_STREAM_WAIT_VALUE_EQ));
  CHECK(cuMemcpyDtoDAsync(data + 4, data, 4, waiting));
  EXPECT(cuStreamQuery(waiting) == CUDA_ERROR_NOT_READY);
  CHECK(cuMemsetD32Async(data, 42, 1, writing));
  CHECK(cuStreamWriteValue32(writing, flag, 7, 0));
  CHECK(cuStreamSynchronize(waiting));
  unsigned host[16];
  CHECK(cuMemcpyDtoH(host, data, sizeof host));
  EXPECT(host[1] == 42);

  // 64 bits, comparisons that go round, and several operations at once.
  CHECK(cuStreamWaitValue64(waiting, flag + 8, 3, CU_STREAM_WAIT_VALUE_GEQ));
  CUstreamBatchMemOpParams operations[3] = {};
  operations[0].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_64;
  operations[0].writeValue.address = flag + 8;
  operations[0].writeValue.value64 = 1ull << 40;
  operations[1].memoryBarrier.operation = CU_STREAM_MEM_OP_BARRIER;
  operations[2].waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
  operations[2].waitValue.address = flag;
  operations[2].waitValue.value = 2;
  operations[2].waitValue.flags = CU_STREAM_WAIT_VALUE_AND;
  CHECK(cuStreamBatchMemOp(writing, 3, operations, 0));
  CHECK(cuStreamSynchronize(waiting));
  CHECK(cuStreamSynchronize(writing));
  CHECK(cuStreamWaitValue32(waiting, flag, 0xfffffff0u, CU_STREAM_WAIT_VALUE_GEQ));  // 7 - 0xfffffff0 is 23
  CHECK(cuStreamWaitValue32(waiting, flag, 7, CU_STREAM_WAIT_VALUE_NOR));
  CHECK(cuStreamSynchronize(waiting));
  EXPECT(cuStreamBatchMemOp(waiting, 300, operations, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyDtoH(host, flag, sizeof host));
  EXPECT(host[0] == 7 && host[3] == 256);
  std::printf("values: %u %u\n", host[0], host[3]);

  // The same in a graph, with events that others wait for.
  CUevent started, allowed;
  CHECK(cuEventCreate(&started, CU_EVENT_DISABLE_TIMING));
  CHECK(cuEventCreate(&allowed, CU_EVENT_DISABLE_TIMING));
  CHECK(cuMemsetD32Async(data, 9, 1, writing));
  CHECK(cuStreamWaitValue32(writing, flag + 16, 1, CU_STREAM_WAIT_VALUE_EQ));
  CHECK(cuEventRecord(allowed, writing));
  CHECK(cuStreamBeginCapture(waiting, CU_STREAM_CAPTURE_MODE_RELAXED));
  CHECK(cuStreamWriteValue32(waiting, flag + 16, 1, 0));
  CHECK(cuEventRecordWithFlags(started, waiting, CU_EVENT_RECORD_EXTERNAL));
  CHECK(cuStreamWaitEvent(waiting, allowed, CU_EVENT_WAIT_EXTERNAL));
  CHECK(cuMemcpyDtoDAsync(data + 8, data, 4, waiting));
  CUgraph graph;
  CHECK(cuStreamEndCapture(waiting, &graph));
  CUgraphNode nodes[8];
  size_t count = 8;
  CHECK(cuGraphGetNodes(graph, nodes, &count));
  const CUgraphNodeType wanted[] = {CU_GRAPH_NODE_TYPE_BATCH_MEM_OP, CU_GRAPH_NODE_TYPE_EVENT_RECORD,
                                    CU_GRAPH_NODE_TYPE_WAIT_EVENT, CU_GRAPH_NODE_TYPE_MEMCPY};
  EXPECT(count == 4);
  for (size_t i = 0; i < count; ++i) {
    CUgraphNodeType type;
    CHECK(cuGraphNodeGetType(nodes[i], &type));
    EXPECT(type == wanted[i]);
  }
  CUDA_BATCH_MEM_OP_NODE_PARAMS shown;
  CHECK(cuGraphBatchMemOpNodeGetParams(nodes[0], &shown));
  EXPECT(shown.count == 1 && shown.paramArray[0].writeValue.address == flag + 16);
  CUevent event;
  CHECK(cuGraphEventRecordNodeGetEvent(nodes[1], &event));
  EXPECT(event == started);
  CUgraphExec exec;
  CHECK(cuGraphInstantiate(&exec, graph, 0));
  CHECK(cuGraphLaunch(exec, waiting));
  CHECK(cuEventSynchronize(started));
  CHECK(cuStreamSynchronize(waiting));
  CHECK(cuMemcpyDtoH(host, data, sizeof host));
  EXPECT(host[2] == 9);
  std::printf("events of a graph: %u\n", host[2]);
  CHECK(cuGraphExecDestroy(exec));
  CHECK(cuGraphDestroy(graph));

  // What a stream is told it remembers.
  CUstreamAttrValue value = {}, read = {};
  value.syncPolicy = CU_SYNC_POLICY_SPIN;
  CHECK(cuStreamSetAttribute(waiting, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value));
  CHECK(cuStreamCopyAttributes(writing, waiting));
  CHECK(cuStreamGetAttribute(writing, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &read));
  EXPECT(read.syncPolicy == CU_SYNC_POLICY_SPIN);
  EXPECT(cuStreamGetAttribute(writing, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &read) == CUDA_ERROR_INVALID_VALUE);
  std::printf("attributes\n");
}
