// Copies between the parts of the driver: checks, and the way a copy gets its turn in a stream.
#pragma once
#include <cstdint>

#include "api/cuda/abi.h"
#include "device/software/driver/state.h"

namespace software {

// Is it an address of this device's window, or of the addresses that were reserved beside it?
bool in_window(uint64_t address);

// May the device touch these bytes? Always true for none.
bool accessible(uint64_t address, uint64_t size);

// When a call may return.
enum class Wait : uint8_t {
  copied,  // the bytes are in place (synchronous forms)
  queued,  // the source may change once the stream got there (asynchronous forms)
};

// Rows of bytes. A flat copy is one row. Sizes of either side are checked by the caller.
struct Rows {
  uint8_t* to;
  const uint8_t* from;
  uint64_t to_pitch, to_slice, from_pitch, from_slice;  // bytes between rows and between slices
  uint64_t width, height, depth;                        // bytes, rows, slices
  bool from_host;                                       // pageable: must be read before the call returns
  uint64_t bytes() const { return width * height * depth; }
};

CUresult copy_rows(const std::shared_ptr<Context>& context, const std::shared_ptr<Stream>& stream, const Rows& rows,
                   Wait wait);

}  // namespace software
