// The probes read as base/reading does, and say so without naming it each time.
#pragma once
#include "base/reading/elf.h"
#include "base/reading/files.h"
#include "base/reading/ld_cache.h"
#include "base/reading/loader.h"
#include "base/reading/place.h"
#include "base/reading/text.h"

namespace outboard::doctor::probes {

using namespace base::reading;

}  // namespace outboard::doctor::probes
