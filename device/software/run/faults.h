// Turns the processor's faults inside a kernel into a return to whoever started it; every other fault goes to the
// handler the program had.
#pragma once
#include <pthread.h>
#include <signal.h>

#include <cstdint>

namespace software {

struct Fault {
  int signal = 0;
  uint64_t address = 0;  // 0: not known
  uint64_t code = 0;     // the instruction
  uint64_t frame = 0;    // what the frame pointer held
};

// Call before kernels run; cheap when nothing changed. Puts itself in front again when the program installed a
// handler of its own since.
void install_fault_handler();

// Gives this thread a signal stack (a fiber's own may be what overflowed) and blocks signals meant for the
// program's threads. For threads of our own only.
void prepare_kernel_thread();

// The same for a thread of the program's, for as long as one is alive: kernels may run on it. Signals that end the
// process, as the program has it, still do.
class BorrowedThread {
 public:
  BorrowedThread();
  ~BorrowedThread();
  BorrowedThread(const BorrowedThread&) = delete;
  BorrowedThread& operator=(const BorrowedThread&) = delete;

 private:
  sigset_t before_;
};

// Makes the thread give up the kernel it runs: its landing is resumed with `interrupted`, if it is in a kernel's own
// code just now.
inline constexpr int interrupted = 1 << 16;  // no signal's number
void interrupt_kernel(pthread_t thread);

// Holds the thread where it is in a kernel's own code until the gate is open (gate.h); elsewhere nothing happens.
void hold_kernel(pthread_t thread);

// While one is alive on a thread, a fault resumes `*landing` (see fiber.h) with the signal's number.
class Armed {
 public:
  explicit Armed(void** landing);
  ~Armed();
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;

 private:
  void** before_;
};

// The fault that resumed this thread's landing last.
const Fault& last_fault();

// memmove that answers false instead of dying where either side cannot be touched.
bool guarded_copy(void* to, const void* from, uint64_t size);

}  // namespace software
