// Threads of our own inside somebody else's program.
#pragma once
#include <pthread.h>

#include <csignal>
#include <thread>

namespace client {

// Such a thread must never run the program's signal handlers.
template <class Body>
void start_thread(Body body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread(body).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace client
