// Kernels that are compiled while others run: by a child of the process, so that a program may end at any time, and an
// end of the compiler is not the program's.
#pragma once
#include <functional>
#include <shared_mutex>
#include <string>

namespace software {

// When its turn comes, calls `make` in a child, and `take` in this process with what it gave; empty: it failed. A
// program that ends drops what waits; a child that is at work goes on, for what `make` keeps on disk.
void compile_in_background(std::function<std::string()> make, std::function<void(const std::string&)> take);

// Held, shared, by whoever compiles in this process: a child must not begin with the compiler's locks taken.
std::shared_mutex& compiler_in_use();

}  // namespace software
