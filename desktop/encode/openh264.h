// Cisco's OpenH264 (BSD licence), loaded when it is first wanted.
#pragma once
#include <memory>
#include <string>

#include "desktop/encoder.h"

namespace desktop {

// "OpenH264 2.3.1", or why it cannot be loaded.
base::Result<std::string> load_openh264();
base::Result<std::unique_ptr<Encoder>> open_openh264(const EncoderSettings& settings);

}  // namespace desktop
