// The advisor: of the ways to a GPU, which first, and why.
#pragma once
#include <string>
#include <vector>

#include "doctor/diagnosis.h"

namespace outboard::doctor {

// A server that was asked, and what it answered.
struct Server {
  std::string target;       // as outboard run --on takes it
  std::string device;       // its GPU; empty: it does not answer
  double milliseconds = 0;  // to connect and greet it
  bool on_this_machine = false, software = false;
  double gb_per_s = 0;  // towards it; 0: not measured
};

// Whether `one` is to be preferred: it answers, with a GPU rather than with software, on this machine rather than on
// another, sooner. `outboard run` with target auto goes by the same.
bool better(const Server& one, const Server& other);

// What is at hand.
struct Means {
  std::vector<Server> servers;
  int processors = 0;  // 0: not known
};

// What the program needs, as far as it is known.
struct Needs {
  bool window = false;          // draws on a display
  bool static_program = false;  // loads no libraries: nothing can stand in for its driver
};

// One way, best first; `code` is the catalogue's: FIX HOST LAN RUN DESK XLAT CPU.
struct Way {
  std::string code, name, command, reason;
  bool ready = false;  // at hand now
};

std::vector<Way> advise(const Diagnosis& diagnosis, const Means& means, const Needs& needs);

// What the facts say that the program needs.
Needs needs_in(const Facts& facts);

}  // namespace outboard::doctor
