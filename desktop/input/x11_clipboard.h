// The CLIPBOARD selection of an X display (ICCCM, section 2), text only.
#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "desktop/clipboard.h"

namespace desktop {

base::Result<std::unique_ptr<Clipboard>> open_x11_clipboard(const std::string& display);

}  // namespace desktop
