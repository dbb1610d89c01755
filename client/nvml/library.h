// What all of the stand-in for NVML shares: its state, and the driver library that knows the devices.
#pragma once
#include "client/cuda/export.h"
#include "client/management.h"
#include "client/nvml/functions.h"

namespace nvml {

// The driver's table, or null before nvmlInit and after the last nvmlShutdown.
const client::ManagementTable* driver();

// A handle is the device's number in the inventory plus one; -1: it is none.
int number_of(nvmlDevice_t device);
nvmlDevice_t handle_of(int number);

// Runs `read` on a device's number: the checks that every query shares.
template <class Read>
nvmlReturn_t on_device(nvmlDevice_t device, const void* result, Read read) {
  if (!driver()) return NVML_ERROR_UNINITIALIZED;
  const int number = number_of(device);
  if (number < 0 || !result) return NVML_ERROR_INVALID_ARGUMENT;
  return read(number);
}

// The same, with what the hello brought about the device.
template <class Read>
nvmlReturn_t on_facts(nvmlDevice_t device, const void* result, Read read) {
  return on_device(device, result, [&](int number) { return read(*driver()->facts(number)); });
}

// `text` with its NUL into `length` bytes at `to`.
nvmlReturn_t put_text(const char* text, char* to, unsigned length);

}  // namespace nvml
