// The conversation with a script that takes a bundle: marks come, an archive goes, and nothing of it waits for ever.
#pragma once
#include <span>

#include "reach/bootstrap/bootstrap.h"
#include "reach/bootstrap/bundle.h"

namespace reach {

class Copying {
 public:
  Copying(Server& far, const Meanwhile& meanwhile) : far_(far), socket_(far.take_socket()), meanwhile_(meanwhile) {}

  // The next one. One that was not found: the script has nothing more to say. An error is `meanwhile`'s.
  base::Result<Mark> await_mark();
  // As far as the far side takes it; if it does not, it says why. An error is `meanwhile`'s, or a file's here.
  base::Status send(const Bundle& bundle);
  void close() { socket_.close(); }

 private:
  base::Result<bool> wait_for(short event);
  base::Result<bool> send_some(std::span<const char>& bytes);

  Server& far_;
  base::Fd socket_;
  const Meanwhile& meanwhile_;
};

}  // namespace reach
