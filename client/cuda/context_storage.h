// Context-local storage: what each copy of cudart keeps per context (cuGetExportTable, c693336e). Asked
// once per runtime call, so it is a short list behind a lock and never leaves the process.
#pragma once
#include "api/cuda/abi.h"

namespace client {

using StorageDestructor = void (*)(CUcontext context, void* key, void* value);

// A null context means the calling thread's current one. CUDA_ERROR_INVALID_CONTEXT when there is none,
// CUDA_ERROR_INVALID_HANDLE when the key is not there. Thread-safe.
CUresult put_storage(CUcontext context, void* key, void* value, StorageDestructor destructor);
CUresult get_storage(void** value, CUcontext context, void* key);
CUresult remove_storage(CUcontext context, void* key);

}  // namespace client
