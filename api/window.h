// The address window: the one range of addresses that client and worker reserve alike, so that a
// device pointer has the same value on both sides (pointers travel inside opaque structs).
#pragma once
#include <cstddef>
#include <cstdint>

namespace api {

// Below the area where Linux places mappings even with full address-space randomisation, and inside
// the range that ThreadSanitizer leaves to programs.
inline constexpr uint64_t window_base = 0x7e8000000000;
inline constexpr uint64_t window_size = 0x4000000000;                       // 256 GiB
inline constexpr uint64_t device_area_size = window_size / 4 * 3;           // device memory
inline constexpr uint64_t host_area_base = window_base + device_area_size;  // pinned and managed host memory
inline constexpr uint64_t host_area_size = window_size - device_area_size;

inline constexpr bool in_window(uint64_t address) { return address - window_base < window_size; }

}  // namespace api
