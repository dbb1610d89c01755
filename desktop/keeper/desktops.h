// Which desktop a session shows when no program is named.
#pragma once
#include <string>

#include "base/result.h"

namespace desktop {

base::Result<std::string> find_desktop();

}  // namespace desktop
