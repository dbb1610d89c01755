// Declares every function that libcuda.so.1 exports, from the tables.
#pragma once
#include "api/cuda/abi.h"
#include "client/cuda/export.h"

#define ROW(since, name, params) OUTBOARD_EXPORT CUresult name params;
#include "api/cuda/cuda.def"
#define PER_THREAD(name, suffix, params, arguments) OUTBOARD_EXPORT CUresult name##suffix params;
#include "api/cuda/per_thread.def"
