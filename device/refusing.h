// Functions that answer CUDA_ERROR_NOT_SUPPORTED: in the place of those that a device does not have, and a device of
// nothing else, where tests of decoders start from.
#pragma once
#include "device/device.h"

namespace device {

template <class... P>
CUresult refuse(P...) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
// A driver table's slot: the device's own function where there is one.
template <class... P>
void fill(CUresult (*&slot)(P...), CUresult (*own)(P...), CUresult (*otherwise)(P...) = refuse<P...>) {
  slot = own ? own : otherwise;
}
template <class... P>
void fill_with_refusal(CUresult (*&slot)(P...)) {
  slot = refuse<P...>;
}

inline Driver refusing_driver() {
  Driver driver;
#define ROW(since, name, params) fill_with_refusal(driver.name);
#include "api/cuda/cuda.def"
  return driver;
}

}  // namespace device
