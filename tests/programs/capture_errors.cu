// What must not happen while a stream is captured: each such call fails with its own error and spoils the capture.
#include <thread>

#include "check.h"

#define EXPECT_ERROR(wanted, call)                                                                                  \
  do {                                                                                                              \
    cudaError_t check_error = (call);                                                                               \
    cudaGetLastError();                                                                                             \
    if (check_error != (wanted)) {                                                                                  \
      std::fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, cudaGetErrorName(check_error));            \
      std::exit(1);                                                                                                 \
    }                                                                                                               \
    std::printf("%s\n", cudaGetErrorName(check_error));                                                             \
  } while (0)

__global__ void touch(int* data) { ++*data; }

cudaStream_t stream, other, unblocking;
cudaEvent_t event;
int* data;

void begin(cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) {
  CHECK(cudaStreamBeginCapture(stream, mode));
  touch<<<1, 1, 0, stream>>>(data);
}
// The capture ends with an error and leaves ordinary streams behind.
void end(cudaError_t wanted) {
  cudaGraph_t graph = reinterpret_cast<cudaGraph_t>(1);
  EXPECT_ERROR(wanted, cudaStreamEndCapture(stream, &graph));
  EXPECT(graph == nullptr);
  cudaStreamCaptureStatus status;
  CHECK(cudaStreamIsCapturing(stream, &status));
  EXPECT(status == cudaStreamCaptureStatusNone);
  CHECK(cudaStreamSynchronize(stream));
}
void end_well() {
  cudaGraph_t graph;
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphDestroy(graph));
}

int main() {
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaStreamCreate(&other));
  CHECK(cudaStreamCreateWithFlags(&unblocking, cudaStreamNonBlocking));
  CHECK(cudaEventCreate(&event));
  CHECK(cudaMalloc(&data, 64));
  CHECK(cudaMemset(data, 0, 64));
  cudaGraph_t graph;
  int host = 0;

  // Calls that wait for what is being captured.
  begin();
  EXPECT_ERROR(cudaErrorStreamCaptureUnsupported, cudaStreamSynchronize(stream));
  EXPECT_ERROR(cudaErrorStreamCaptureInvalidated, cudaMemsetAsync(data, 0, 4, stream));
  cudaStreamCaptureStatus status;
  CHECK(cudaStreamIsCapturing(stream, &status));
  EXPECT(status == cudaStreamCaptureStatusInvalidated);
  end(cudaErrorStreamCaptureInvalidated);
  begin();
  EXPECT_ERROR(cudaErrorStreamCaptureUnsupported, cudaStreamQuery(stream));
  end(cudaErrorStreamCaptureInvalidated);
  begin(cudaStreamCaptureModeRelaxed);
  EXPECT_ERROR(cudaErrorStreamCaptureUnsupported, cudaDeviceSynchronize());
  end(cudaErrorStreamCaptureInvalidated);

  // The legacy stream waits for all blocking streams.
  begin(cudaStreamCaptureModeRelaxed);
  EXPECT_ERROR(cudaErrorStreamCaptureImplicit, cudaMemcpy(&host, data, 4, cudaMemcpyDeviceToHost));
  end(cudaErrorStreamCaptureInvalidated);
  begin(cudaStreamCaptureModeRelaxed);
  EXPECT_ERROR(cudaErrorStreamCaptureImplicit, cudaMemsetAsync(data, 0, 4, 0));
  end(cudaErrorStreamCaptureInvalidated);
  EXPECT_ERROR(cudaErrorStreamCaptureUnsupported, cudaStreamBeginCapture(cudaStreamLegacy, cudaStreamCaptureModeGlobal));

  // Calls that may wait are a matter of the mode.
  int* more;
  begin();
  EXPECT_ERROR(cudaErrorStreamCaptureUnsupported, cudaMalloc(&more, 64));
  end(cudaErrorStreamCaptureInvalidated);
  begin(cudaStreamCaptureModeRelaxed);
  CHECK(cudaMalloc(&more, 64));
  end_well();
  CHECK(cudaFree(more));
  begin();
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  CHECK(cudaThreadExchangeStreamCaptureMode(&mode));
  EXPECT(mode == cudaStreamCaptureModeGlobal);
  CHECK(cudaMalloc(&more, 64));
  CHECK(cudaThreadExchangeStreamCaptureMode(&mode));
  EXPECT(mode == cudaStreamCaptureModeRelaxed);
  end_well();
  CHECK(cudaFree(more));
  begin();
  std::thread([] {
    int* theirs;
    EXPECT_ERROR(cudaErrorStreamCaptureUnsupported, cudaMalloc(&theirs, 64));
  }).join();
  end(cudaErrorStreamCaptureInvalidated);
  begin(cudaStreamCaptureModeThreadLocal);
  std::thread([] {
    int* theirs;
    CHECK(cudaMalloc(&theirs, 64));
    CHECK(cudaFree(theirs));
    cudaGraph_t theirs_too;
    EXPECT_ERROR(cudaErrorStreamCaptureWrongThread, cudaStreamEndCapture(stream, &theirs_too));
  }).join();
  end_well();

  // Forks and joins.
  begin();
  CHECK(cudaEventRecord(event, stream));
  CHECK(cudaStreamWaitEvent(other, event, 0));
  touch<<<1, 1, 0, other>>>(data);
  end(cudaErrorStreamCaptureUnjoined);
  begin();
  CHECK(cudaEventRecord(event, stream));
  CHECK(cudaStreamWaitEvent(other, event, 0));
  EXPECT_ERROR(cudaErrorStreamCaptureUnmatched, cudaStreamEndCapture(other, &graph));
  end(cudaErrorStreamCaptureInvalidated);
  CHECK(cudaEventRecord(event, other));
  begin();
  EXPECT_ERROR(cudaErrorStreamCaptureIsolation, cudaStreamWaitEvent(stream, event, 0));
  end(cudaErrorStreamCaptureInvalidated);
  begin();
  CHECK(cudaStreamBeginCapture(other, cudaStreamCaptureModeGlobal));
  CHECK(cudaEventRecord(event, other));
  EXPECT_ERROR(cudaErrorStreamCaptureMerge, cudaStreamWaitEvent(stream, event, 0));
  EXPECT_ERROR(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(other, &graph));
  end(cudaErrorStreamCaptureInvalidated);
  begin();
  CHECK(cudaEventRecord(event, stream));
  EXPECT_ERROR(cudaErrorStreamCaptureImplicit, cudaStreamWaitEvent(0, event, 0));
  end(cudaErrorStreamCaptureInvalidated);

  // An event of a capture says nothing about the device.
  begin(cudaStreamCaptureModeRelaxed);
  CHECK(cudaEventRecord(event, stream));
  EXPECT_ERROR(cudaErrorCapturedEvent, cudaEventQuery(event));
  end(cudaErrorStreamCaptureInvalidated);
  begin();
  CHECK(cudaEventRecord(event, stream));
  end_well();
  EXPECT_ERROR(cudaErrorCapturedEvent, cudaEventSynchronize(event));
  EXPECT_ERROR(cudaErrorCapturedEvent, cudaStreamWaitEvent(other, event, 0));
  CHECK(cudaEventRecord(event, stream));
  CHECK(cudaEventSynchronize(event));

  // Order of begin and end.
  EXPECT_ERROR(cudaErrorIllegalState, cudaStreamEndCapture(stream, &graph));
  begin();
  EXPECT_ERROR(cudaErrorIllegalState, cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  end_well();
  EXPECT_ERROR(cudaErrorInvalidValue, cudaEventRecordWithFlags(event, stream, cudaEventRecordExternal));

  // A stream that waits for nobody is not disturbed, and disturbs nobody.
  CHECK(cudaStreamBeginCapture(unblocking, cudaStreamCaptureModeRelaxed));
  touch<<<1, 1, 0, unblocking>>>(data);
  CHECK(cudaMemcpy(&host, data, 4, cudaMemcpyDeviceToHost));
  EXPECT_ERROR(cudaErrorStreamCaptureUnsupported, cudaStreamAddCallback(unblocking, [](cudaStream_t, cudaError_t, void*) {}, nullptr, 0));
  EXPECT_ERROR(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(unblocking, &graph));
  std::printf("nothing has run: %d\n", host);
  EXPECT(host == 0);
}
