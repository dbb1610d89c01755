// Pictures of an X display: DAMAGE says what changed, MIT-SHM brings it, XFIXES the pointer, RANDR the size.
#pragma once
#include <memory>
#include <string>

#include "desktop/source.h"

namespace desktop {

struct X11SourceOptions {
  std::string display;  // ":12"
  std::string name;     // what status says of it
  bool may_resize = false;
};
base::Result<std::unique_ptr<DisplaySource>> open_x11_source(const X11SourceOptions& options);

}  // namespace desktop
