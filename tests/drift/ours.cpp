// Our side of the comparison: api/cuda/abi.h and the tables.
#include "api/cuda/abi.h"
#include "tests/drift/signatures.h"

#define ROW(since, name, params) extern "C" CUresult name params;
#include "api/cuda/cuda.def"
#define PER_THREAD(name, suffix, params, arguments) extern "C" CUresult name##suffix params;
#include "api/cuda/per_thread.def"

#define SIDE(what) our_##what
#define PER_THREAD_FACT(name, suffix) facts[#name #suffix] = spelling<decltype(&::name##suffix)>();
#include "tests/drift/facts.inc"
