// The switch keeps what the C ABI says a call preserves, and the floating-point mode (x86-64: System V ABI 3.2.1,
// aarch64: AAPCS64 6.1), and nothing else.
#include "device/software/run/fiber.h"

#include <sys/mman.h>

#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#if defined(__x86_64__)
asm(R"(
.text
.globl outboard_switch
.hidden outboard_switch
.type outboard_switch, @function
.globl outboard_resume
.hidden outboard_resume
.type outboard_resume, @function
.globl outboard_guard
.hidden outboard_guard
.type outboard_guard, @function
outboard_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  stmxcsr (%rsp)
  movq %rsp, (%rdi)
  movq %rsi, %rdi
  movq %rdx, %rsi
outboard_resume:
  movq %rdi, %rsp
  movq %rsi, %rax
  ldmxcsr (%rsp)
  addq $8, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
outboard_guard:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  stmxcsr (%rsp)
  movq %rsp, (%rdi)
  movq %rdx, %rdi
  call *%rsi
  movq %rsp, %rdi
  xorl %esi, %esi
  jmp outboard_resume
.hidden outboard_fiber_start
.globl outboard_fiber_start
outboard_fiber_start:
  movq %r13, %rdi
  call *%r12
  ud2
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl outboard_switch
.hidden outboard_switch
.type outboard_switch, %function
.globl outboard_resume
.hidden outboard_resume
.type outboard_resume, %function
.globl outboard_guard
.hidden outboard_guard
.type outboard_guard, %function
outboard_switch:
  sub sp, sp, #176
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mrs x3, fpcr
  str x3, [sp, #160]
  mov x3, sp
  str x3, [x0]
  mov x0, x1
  mov x1, x2
outboard_resume:
  mov sp, x0
  mov x0, x1
  ldr x3, [sp, #160]
  msr fpcr, x3
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #176
  ret
outboard_guard:
  sub sp, sp, #176
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mrs x3, fpcr
  str x3, [sp, #160]
  mov x3, sp
  str x3, [x0]
  mov x0, x2
  blr x1
  mov x0, sp
  mov x1, #0
  b outboard_resume
.hidden outboard_fiber_start
.globl outboard_fiber_start
outboard_fiber_start:
  mov x0, x20
  blr x19
  brk #1
)");
#else
#error "the software GPU needs a context switch for this processor"
#endif

extern "C" void outboard_fiber_start();

namespace software {
namespace {

constexpr size_t page = 4096;

// What outboard_resume pops, from the stack pointer upwards.
struct Frame {
#if defined(__x86_64__)
  uint32_t mxcsr = 0x1f80, unused = 0;  // all exceptions masked, round to nearest: the ABI's start value
  void* r15 = nullptr;
  void* r14 = nullptr;
  void* argument = nullptr;  // r13
  void* run = nullptr;       // r12
  void* rbx = nullptr;
  void* rbp = nullptr;
  void* start = nullptr;  // return address
  void* end = nullptr;    // of the frame chain; keeps the stack aligned as after a call
#else
  void* run = nullptr;       // x19
  void* argument = nullptr;  // x20
  void* x21_to_x29[9] = {};
  void* start = nullptr;  // x30
  double d8_to_d15[8] = {};
  uint64_t fpcr = 0, unused = 0;
#endif
};

}  // namespace

Stack::Stack(size_t bytes) : bytes_((bytes + page - 1) & ~(page - 1)) {
  void* at = mmap(nullptr, bytes_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return;
  base_ = static_cast<uint8_t*>(at) + page;
  mprotect(at, page, PROT_NONE);
}

Stack::~Stack() {
  if (base_) munmap(base_ - page, bytes_ + page);
}

bool Stack::in_guard(uint64_t address) const { return reinterpret_cast<uint64_t>(base_) - address <= page; }

void* Stack::prepare(void (*run)(void*), void* argument) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(base_, bytes_);  // frames of a fiber that was abandoned have left their red zones
#endif
  Frame frame;
  frame.run = reinterpret_cast<void*>(run);
  frame.argument = argument;
  frame.start = reinterpret_cast<void*>(&outboard_fiber_start);
  static_assert(sizeof frame % 8 == 0);
  // x86-64: after `ret` took `start`, the stack pointer is a multiple of 16, as before any call.
  uint8_t* at = base_ + bytes_ - (sizeof frame + 15) / 16 * 16;
#if defined(__x86_64__)
  at = base_ + bytes_ - 16 - offsetof(Frame, end);
#endif
  std::memcpy(at, &frame, sizeof frame);
  return at;
}

}  // namespace software
