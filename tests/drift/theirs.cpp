// The vendor's side: cuda.h with every old and per-thread form visible.
#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>
#include <cudaProfiler.h>

#include "tests/drift/signatures.h"

#define SIDE(what) their_##what
// The GL forms need GL's own headers.
#define WITHOUT_GL
#define PER_THREAD_FACT(name, suffix) facts[#name #suffix] = spelling<decltype(&::name##suffix)>();
#include "tests/drift/facts.inc"
