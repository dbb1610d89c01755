// Types and points on an X display by the XTEST extension.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "desktop/input.h"

namespace desktop {

// `set_keymap` gives the display an XKB layout ("ch(fr)"); none: the display keeps its own.
base::Result<std::unique_ptr<InputSink>> open_x11_input(const std::string& display,
                                                        std::function<void(const std::string&)> set_keymap);

}  // namespace desktop
