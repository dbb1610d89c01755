// One library file as a fact: "ELF64 x86_64 glibc 550.90.07".
#pragma once
#include <string>

#include "doctor/probes/reading.h"
#include "doctor/probes/sink.h"

namespace outboard::doctor::probes {

// Class, machine, C library, and what it is: a driver's version, or a word of fixture-format ("stub", "wsl-loader",
// "driver", "mesa", ...). Empty for an empty file, "not ELF ..." for what is none.
// Says nothing about a file that is not there.
void say_library(const Place& place, const std::string& path, Sink& sink);
// The version of an NVIDIA library: the end of the name it leads to, or what its text says. Empty: neither tells.
std::string nvidia_version(const Place& place, const std::string& path);

}  // namespace outboard::doctor::probes
