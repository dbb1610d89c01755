// Answers a session's control socket (registry.h says what can be asked).
#pragma once
#include <functional>
#include <thread>

#include "base/fd.h"
#include "desktop/session.h"

namespace desktop {

class Control {
 public:
  // `stop` is called when somebody asks for the session's end.
  Control(Session& session, base::Fd listener, std::function<void()> stop);
  ~Control();

 private:
  void run();
  std::string answer(const std::string& question);

  Session& session_;
  base::Fd listener_, end_;
  std::function<void()> stop_;
  std::thread thread_;
};

}  // namespace desktop
