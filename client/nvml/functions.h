// Every function of NVML that is written by hand, from its row.
#pragma once
#include "api/nvml/abi.h"

#define LOCAL(name, params) extern "C" nvmlReturn_t name params;
#include "api/nvml/nvml.def"

extern "C" const char* nvmlErrorString(nvmlReturn_t result);
