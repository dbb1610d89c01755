// Programs and packages that compile kernels while they run make machine code where they can. A software GPU runs PTX:
// what they have to be told so that they hand that over. Whoever has set one of these variables already is left alone.
#pragma once
#include <string>

namespace cli {

// `what` and a colon before what the variable holds.
void put_in_front(const char* variable, const std::string& what);

// Sets the environment for a program. `driver`: the folder of libcuda.so.1.
void ask_packages_for_ptx(const std::string& driver);

}  // namespace cli
