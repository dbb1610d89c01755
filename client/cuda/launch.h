// What a launch must be, for launches at once and for graphs that launch later.
#pragma once
#include <cstddef>
#include <vector>

#include "api/cuda/abi.h"
#include "api/cuda/internal.h"

namespace client {

struct Function;

// CUDA_SUCCESS, or why no kernel can be launched like that.
CUresult check_launch(CUfunction handle, const Function& function, const LaunchShape& shape);
// The parameter buffer from either of cuLaunchKernel's forms.
CUresult pack_parameters(const Function& function, void** parameters, void** extra, std::vector<std::byte>& buffer);

}  // namespace client
