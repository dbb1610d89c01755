// What this host is to a program: told to the client before anything is sent.
#pragma once
#include <string>
#include <vector>

#include "exec/conversation.h"
#include "exec/far/confinement.h"
#include "exec/far/place.h"

namespace exec {

// {"host", "machine", "glibc", "cuda", "gpu", "free", "build"}
Json facts_of_host(const Place& place);

// Asked: {"machine", "bits", "interpreter", "libraries": [{"name", "versions": [...]}], "commands": [...]}.
// Answer: {"libraries": [names], "commands": {name: path}, "interpreter": there or not}
Json what_is_here(const Json& asked, const Confinement& confinement);

}  // namespace exec
