// Things that look like causes and are none; they are named so that nobody follows them.
#pragma once
#include <vector>

#include "doctor/diagnosis.h"

namespace outboard::doctor {

std::vector<Trap> traps_in(const Machine& machine);

}  // namespace outboard::doctor
