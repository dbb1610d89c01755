// nvJitLink, whose product is machine code of a real GPU: the program gets the PTX that went in, as one image that
// Outboard's driver links when it is loaded, and what LTO made of its LTO IR. NVIDIA's library does its work all the
// same, so that its errors and logs are its own.
#pragma once

namespace compilers {

// nullptr: nothing stands in for this function.
void* stand_in_for_nvjitlink(const char* name, void* original);

}  // namespace compilers
