// The table of files whose content is a fact, by subject.
#pragma once
#include <span>
#include <string_view>

#include "doctor/probes/reading.h"
#include "doctor/probes/sink.h"

namespace outboard::doctor::probes {

enum class Kind {
  text,          // the whole text, without the line end at its end
  end,           // the end of a long text
  gpu_lines,     // the lines that name a GPU's driver; nothing when there are none
  limits,        // of /proc/self/status and /proc/self/limits, the lines that can stop a GPU program
  packages,      // dpkg's status: packages that have to do with GPUs
  maps,          // of /proc/self/maps, the paths of libraries
  container,     // container=... of the first process's environment
  first_mounts,  // of the first process: only where it matters that they differ
  link,          // the last part of what the link leads to
  presence,      // "there"
  empty,         // "" : that it is there is all
  firmware,      // "fw"; empty when it holds nothing
  library,       // ELF64 x86_64 glibc ...
};

struct Watched {
  const char* subject;
  const char* pattern;  // a `*` stands for a part of one name
  Kind kind;
};

std::span<const Watched> watched();
// Reads the files of a subject.
void watch(std::string_view subject, const Place& place, Sink& sink);
// One file, whatever the table says; nothing when it is not there.
void say_file(const Place& place, const std::string& path, Kind kind, Sink& sink);

}  // namespace outboard::doctor::probes
