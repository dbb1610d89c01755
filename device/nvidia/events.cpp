// Events in graphs. A client's graph waits for events and records them; while it is recorded by capture, the driver
// must be told that they are nodes and not joints of captured streams (CUDA Driver API, CU_EVENT_RECORD_EXTERNAL).
#include "device/nvidia/capturing.h"
#include "device/nvidia/functions.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

constexpr unsigned external = 1;  // CU_EVENT_RECORD_EXTERNAL, CU_EVENT_WAIT_EXTERNAL

}  // namespace

CUresult cuEventRecord(CUevent hEvent, CUstream hStream) {
  return is_recorded(hStream) ? vendor().cuEventRecordWithFlags(hEvent, hStream, external)
                              : vendor().cuEventRecord(hEvent, hStream);
}

CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags) {
  return vendor().cuStreamWaitEvent(hStream, hEvent, is_recorded(hStream) ? Flags | external : Flags);
}

}  // namespace nvidia
