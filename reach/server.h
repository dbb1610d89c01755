// A command whose standard input and output become a server's: waits for its mark, hands it over, watches it.
#pragma once
#include <string>

#include "reach/child.h"
#include "reach/far.h"
#include "reach/program.h"

namespace reach {

class Server {
 public:
  // `relay`: what the command says on standard error is shown as it comes.
  static base::Result<Server> start(const Words& command, bool relay);

  // Until the mark has come, or the command has nothing more to say. False: the program has left; the command has, too.
  bool await(Mark& mark, Program& program);
  // Hands it over and stays until the command ends. Where its exit code means that the server has ended, a program
  // whose session has moved elsewhere is told. The exit code of a helper.
  int serve(Program& program, bool (*means_the_end)(int code));

  // The parts of serve().
  base::Fd take_socket() { return std::move(socket_); }
  int socket() const { return socket_.get(); }
  int error_descriptor() const { return error_.get(); }
  void pass_error_on();
  Child& child() { return child_; }
  // Lets the command end by itself, for a while.
  int finish();
  // What it said last on standard error.
  std::string last_words() const;

 private:
  Server(Child child, base::Fd socket, base::Fd error, bool relay)
      : child_(std::move(child)), socket_(std::move(socket)), error_(std::move(error)), relay_(relay) {}

  Child child_;
  base::Fd socket_, error_;
  bool relay_;
  std::string tail_;  // of what it said on standard error
};

}  // namespace reach
