// The program that asked for a server, as its helper sees it (link/helper.h).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"

namespace reach {

class Program {
 public:
  explicit Program(base::Fd socket) : socket_(std::move(socket)) {}

  // To wait for: readable when the program says something or has left.
  int descriptor() const { return socket_.get(); }
  // Takes what the program has said. False: it has left.
  bool hear();

  void fail(const std::string& sentence);
  // The server's other end, and which of the place's servers it is at least. False: the program has left.
  bool hand_over(base::Fd server, uint64_t generation = 0);
  // The place is gone: the program's session shall not wait for its return.
  void end();

 private:
  base::Fd socket_;
  std::vector<base::Fd> moved_;  // where the session goes on
};

}  // namespace reach
