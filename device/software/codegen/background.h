// One thread that compiles kernels while others run.
#pragma once
#include <functional>

namespace software {

// Runs the task when its turn comes. A process that ends waits for the one that is under way, because it cannot be
// broken off and its result is kept on disk; those behind it are dropped.
void compile_in_background(std::function<void()> task);

}  // namespace software
