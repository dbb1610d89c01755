// Threads of our own inside somebody else's program.
#pragma once
#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace base {

// Such a thread must never run the program's signal handlers.
template <class Body>
std::thread quiet_thread(Body body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread started(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

}  // namespace base
