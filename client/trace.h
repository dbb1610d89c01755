// OUTBOARD_TRACE=waits: how often a program waited for an answer, by function, said on standard error when it ends.
#pragma once
#include <cstddef>

namespace client {

void trace_wait(const char* function);  // thread-safe; costs a load where nothing is traced
void say_waits(std::size_t connections);     // that the session has

}  // namespace client
