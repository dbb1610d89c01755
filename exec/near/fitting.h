// Whether a program can work on a host, before anything is sent; and which of its libraries have to travel.
#pragma once
#include <optional>

#include "exec/conversation.h"
#include "exec/near/plan.h"

namespace exec {

// What the host says of itself is enough to know that it cannot work.
std::optional<Refusal> why_unfit(const Plan& plan, const Json& facts);

// What to ask the host: libraries, commands, the dynamic loader.
Json question(const Plan& plan);
// Takes the answer: libraries that the host lacks go into the cargo, a command gets its path.
std::optional<Refusal> settle(Plan& plan, const Json& facts, const Json& answer);

}  // namespace exec
