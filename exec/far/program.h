// Starting a program: its folder, its environment, its streams or its terminal, confined before its first instruction.
#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "exec/far/confinement.h"

namespace exec {

struct Launch {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // all of it; later ones win
  std::string folder;
  bool terminal = false;
  bool no_input = false;  // standard input is /dev/null
  unsigned rows = 0, columns = 0;
};

struct Running {
  pid_t process = 0;
  base::Fd input, out, err;  // ours, which do not wait. Of a terminal: input and out are the same, err is none
  std::string weak;          // what of the confinement this system does not have; empty: nothing
};

struct NotStarted {
  int code;  // as shells have it: 126 it cannot be executed, 127 it is not there
  std::string why;
};

std::variant<Running, NotStarted> start_program(const Launch& launch, const Confinement& confinement);

void set_window(int terminal, unsigned rows, unsigned columns);

}  // namespace exec
