// The handler changes where the thread goes on and returns: the kernel of the operating system then restores the
// signal mask, and no signal-safe jump is needed (sigaction(2), SA_SIGINFO).
#include "device/software/run/faults.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstring>
#include <mutex>

#include "device/software/run/code_map.h"
#include "device/software/run/fiber.h"
#include "device/software/run/gate.h"

namespace software {
namespace {

constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
constexpr size_t signal_stack_bytes = 64 << 10;

// Initial-exec: the handler must not allocate thread-local storage.
__attribute__((tls_model("initial-exec"))) thread_local void** landing = nullptr;
__attribute__((tls_model("initial-exec"))) thread_local Fault fault;
__attribute__((tls_model("initial-exec"))) thread_local bool chaining = false;

// One per process, like the signal table it mirrors: the handler that was there before ours.
struct sigaction earlier[sizeof signals / sizeof *signals];

void note_place(const ucontext_t& context) {
#if defined(__x86_64__)
  fault.code = static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
  fault.frame = static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RBP]);
#else
  fault.code = context.uc_mcontext.pc;
  fault.frame = context.uc_mcontext.regs[29];
#endif
}

void resume_landing(ucontext_t& context, int signal) {
#if defined(__x86_64__)
  auto& registers = context.uc_mcontext.gregs;
  registers[REG_RIP] = reinterpret_cast<greg_t>(&outboard_resume);
  registers[REG_RDI] = reinterpret_cast<greg_t>(*landing);
  registers[REG_RSI] = signal;
#else
  context.uc_mcontext.pc = reinterpret_cast<uint64_t>(&outboard_resume);
  context.uc_mcontext.regs[0] = reinterpret_cast<uint64_t>(*landing);
  context.uc_mcontext.regs[1] = static_cast<uint64_t>(signal);
#endif
}

// Not ours. A handler that calls us back, because it was installed after us, gets the default action.
void chain(int signal, siginfo_t* info, void* context) {
  const struct sigaction* old = nullptr;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i)
    if (signals[i] == signal) old = &earlier[i];
  bool plain = !(old->sa_flags & SA_SIGINFO) && (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN);
  if (plain || chaining) {
    ::signal(signal, SIG_DFL);  // the instruction runs again and the process ends as it would have without us
    if (info->si_code <= 0) raise(signal);  // somebody sent it: there is no instruction to run again
    return;
  }
  chaining = true;
  if (old->sa_flags & SA_SIGINFO)
    old->sa_sigaction(signal, info, context);
  else
    old->sa_handler(signal);
  chaining = false;
}

constexpr int interruption = SIGILL;  // sent with this mark; one of the signals that are ours anyway
char interruption_mark, holding_mark;

uint64_t instruction_of(const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
#else
  return context.uc_mcontext.pc;
#endif
}

// A kernel's own code holds no lock and owns nothing, so that it can be left anywhere.
void on_interruption(ucontext_t& context) {
  if (landing && find_code(instruction_of(context))) resume_landing(context, interrupted);
}

// Nor does anybody else wait for a lock while it stays there.
void on_holding(ucontext_t& context) {
  if (landing && find_code(instruction_of(context))) Gate::the().hold_here();
}

void on_fault(int signal, siginfo_t* info, void* context) {
  if (info->si_code == SI_QUEUE && info->si_value.sival_ptr == &interruption_mark)
    return on_interruption(*static_cast<ucontext_t*>(context));
  if (info->si_code == SI_QUEUE && info->si_value.sival_ptr == &holding_mark)
    return on_holding(*static_cast<ucontext_t*>(context));
  if (!landing || info->si_code <= 0) {
    chain(signal, info, context);
    return;
  }
  fault.signal = signal;
  fault.address = reinterpret_cast<uint64_t>(info->si_addr);
  note_place(*static_cast<ucontext_t*>(context));
  resume_landing(*static_cast<ucontext_t*>(context), signal);
}

// Owns a thread's signal stack.
class SignalStack {
 public:
  SignalStack() {
    void* at = mmap(nullptr, signal_stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    at_ = at;
    stack_t stack{};
    stack.ss_sp = at;
    stack.ss_size = signal_stack_bytes;
    sigaltstack(&stack, nullptr);
  }
  ~SignalStack() {
    if (!at_) return;
    stack_t off{};
    off.ss_flags = SS_DISABLE;
    sigaltstack(&off, nullptr);
    munmap(at_, signal_stack_bytes);
  }

 private:
  void* at_ = nullptr;
};

// One of its own, unless the thread has one.
void provide_signal_stack() {
  static thread_local bool known = false;
  if (known) return;
  known = true;
  stack_t now{};
  if (sigaltstack(nullptr, &now) == 0 && !(now.ss_flags & SS_DISABLE)) return;
  static thread_local SignalStack stack;
}

sigset_t all_but_faults() {
  sigset_t all;
  sigfillset(&all);
  for (int signal : signals) sigdelset(&all, signal);
  return all;
}

// How people end or stop a program. Where the program has no handler, nothing runs on a kernel's stack, and a kernel
// without end must not keep them waiting.
constexpr int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

void leave_endings(sigset_t& blocked) {
  for (int signal : endings) {
    struct sigaction now;
    if (sigaction(signal, nullptr, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL)
      sigdelset(&blocked, signal);
  }
}

}  // namespace

void install_fault_handler() {
  static std::mutex lock;
  std::lock_guard hold(lock);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i) {
    struct sigaction now;
    sigaction(signals[i], nullptr, &now);
    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_fault) continue;
    earlier[i] = now;
    struct sigaction ours {};
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    sigaction(signals[i], &ours, nullptr);
  }
}

namespace {

void send(pthread_t thread, char& what) {
  sigval mark{};
  mark.sival_ptr = &what;
  pthread_sigqueue(thread, interruption, mark);
}

}  // namespace

void interrupt_kernel(pthread_t thread) { send(thread, interruption_mark); }
void hold_kernel(pthread_t thread) { send(thread, holding_mark); }

void prepare_kernel_thread() {
  provide_signal_stack();
  const sigset_t blocked = all_but_faults();
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
}

BorrowedThread::BorrowedThread() {
  provide_signal_stack();
  sigset_t blocked = all_but_faults();
  leave_endings(blocked);
  pthread_sigmask(SIG_SETMASK, &blocked, &before_);
}

BorrowedThread::~BorrowedThread() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

Armed::Armed(void** to) : before_(landing) { landing = to; }
Armed::~Armed() { landing = before_; }

const Fault& last_fault() { return fault; }

bool guarded_copy(void* to, const void* from, uint64_t size) {
  struct Move {
    void* to;
    const void* from;
    uint64_t size;
  } move{to, from, size};
  void* here = nullptr;
  Armed armed(&here);
  return outboard_guard(
             &here,
             [](void* argument) {
               auto& m = *static_cast<Move*>(argument);
               std::memmove(m.to, m.from, m.size);
             },
             &move) == 0;
}

}  // namespace software
