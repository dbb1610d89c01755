// Gives an X screen another size by RANDR, as virtual displays allow.
#pragma once
#include "desktop/capture/x11.h"
#include "desktop/picture.h"

namespace desktop::x11 {

base::Status resize_screen(const Connection& connection, Size wanted);

}  // namespace desktop::x11
