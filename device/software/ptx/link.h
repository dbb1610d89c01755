// Several modules as one, as nvcc -rdc=true and the driver's cuLink functions put them together: names that are
// visible are shared, all others stay their module's own.
#pragma once
#include <vector>

#include "device/software/ptx/ast.h"

namespace ptx {

// False with `error` filled in when two modules define the same visible name. A name that nobody defines stays a
// declaration; whether that matters is the caller's business.
bool link(std::vector<Module> modules, Module& linked, std::string& error);

}  // namespace ptx
