// A device that does nothing: every function answers CUDA_ERROR_NOT_SUPPORTED. Where tests of decoders start from.
#pragma once
#include "device/device.h"

namespace device {

template <class... P>
CUresult refuse(P...) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
template <class... P>
void fill_with_refusal(CUresult (*&function)(P...)) {
  function = &refuse<P...>;
}

inline Driver refusing_driver() {
  Driver driver;
#define ROW(since, name, params) fill_with_refusal(driver.name);
#include "api/cuda/cuda.def"
  return driver;
}

}  // namespace device
