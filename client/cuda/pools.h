// Memory that pools hold beside what the program has of them.
#pragma once

namespace client {

struct Context;

// The current context's stream, event or all of it was waited for: pools release what they hold beyond their threshold.
void trim_pools();
// The device is out of memory: pools of the current context release all that nobody uses. False: there was nothing.
bool release_pool_memory();
void forget_pool_memory(const Context& context);

}  // namespace client
