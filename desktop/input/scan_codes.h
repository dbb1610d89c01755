// Keys by position: scan codes of set 1, as RDP and browsers' tables have them, to the kernel's key numbers, which X
// servers with evdev rules count from 8.
#pragma once
#include <cstdint>

namespace desktop {

// 0: there is no such key. `scan_code` is as InputSink::key() takes it.
uint8_t x11_keycode(uint16_t scan_code);

}  // namespace desktop
