// A kernel as steps: what runs it until its machine code is made. A step names the handler of its instruction, which
// other kernels use too, and where the operands lie. Translated by baseline/translate.h, run by baseline/walk.h.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/software/run/warp.h"

namespace software {

// The code of one form of instruction, for all 32 lanes or those in `lanes`. `frame` holds the function's registers;
// `given` what the step has in place of numbers: bytes from the frame to a register, or a value.
using Handler = void (*)(Warp*, uint32_t lanes, uint8_t* frame, const uint64_t* given);

struct Handlers {
  Handler all = nullptr, some = nullptr;
};

// Of the carry flag in a frame: a bit for each lane.
inline constexpr unsigned carry_offset = 0;

struct FunctionSteps;

// What a call of a function, or of the device itself, passes: bytes from the caller's frames in local memory.
struct CallStep {
  enum Kind : uint8_t { function, print, allocate, free, fail_assertion };
  Kind kind = function;
  const FunctionSteps* callee = nullptr;  // of a function
  std::vector<uint32_t> results, arguments;
};

struct KernelStep {
  static constexpr uint32_t no_guard = ~0u;
  static constexpr uint32_t no_call = ~0u;

  Handlers handlers;
  uint32_t guard = no_guard;  // bytes from the frame to the predicate
  bool negated = false;
  uint32_t call = no_call;  // in FunctionSteps::calls; there are no handlers then
  uint32_t given = 0;       // in FunctionSteps::given
  uint32_t line = 0;        // of the PTX
  uint32_t text = 0;        // of the linked texts: which
};

// A block of a function, by its place in pass/layout.h's order.
struct StepBlock {
  static constexpr uint32_t end = ~0u;  // the function's

  uint32_t first, last;                   // steps
  uint32_t guard = KernelStep::no_guard;  // of the branch at its end
  bool negated = false;
  uint32_t taken = end, next = end;  // places
  std::vector<uint32_t> targets;     // brx.idx: the places that the index counts to
  uint32_t index = 0;                // bytes from the frame to that index
  std::vector<uint32_t> loops;       // that end behind this block, inner ones first: in FunctionSteps::loops
  bool heads_loop = false;
  bool meets = false;                // begins where lanes meet, in a function with loops that spin
  uint32_t members = ~0u;            // lanes that are to meet
  uint32_t members_in = no_members;  // or, in place of that, bytes from the frame to the register that names them
  static constexpr uint32_t no_members = ~0u;
};

// A cycle of blocks (pass/layout.h).
struct StepLoop {
  uint32_t header;  // place
  bool spins;       // pass/spinning.h
};

// A kernel's machine code that goes on where its steps stopped: with the registers and waiting lanes in `frame`, where
// the lanes in the mask are: at the header of a loop, by its place, or at place 0 at the kernel's beginning.
using Resumption = void (*)(Warp*, uint8_t* frame, uint32_t at, uint32_t lanes);

struct FunctionSteps {
  std::vector<KernelStep> steps;
  std::vector<uint64_t> given;
  std::vector<StepBlock> blocks;
  std::vector<StepLoop> loops;
  bool spins = false;  // one of them
  std::vector<CallStep> calls;
  std::vector<uint32_t> registers;  // bytes from the frame
  uint32_t frame_bytes = 0;         // registers, then the masks of waiting lanes: 4 bytes for each block; then rounds
  uint32_t waiting = 0;             // bytes from the frame to those masks
  uint32_t rounds = 0;              // likewise to a number for each loop, if one spins
  uint32_t local_bytes = 0;         // per lane
  // Registers of 64 bits that hold each lane's address of the function's own local memory, and of its results and
  // parameters, which lie in the caller's: bytes from the frame.
  uint32_t local = 0;
  std::vector<uint32_t> results, parameters;
};

struct KernelSteps {
  std::vector<std::unique_ptr<FunctionSteps>> functions;  // the first is the kernel
  uint32_t frame_bytes = 0;                               // of the deepest chain of calls; a multiple of 128
  uint32_t local_bytes = 0;                               // per lane, as the machine code will want it
  uint64_t worth = 0;                                     // steps after which machine code is worth its making

  std::atomic<uint64_t> spent{0};  // steps
  std::atomic<bool> made{false};   // there is machine code, for later launches at least
  std::atomic<uint64_t> late{0};   // steps since then
  // What warps of launches that are under way can take up, once it is there.
  std::atomic<KernelEntry> compiled{nullptr};   // when they start
  std::atomic<Resumption> resumption{nullptr};  // when they start or begin a loop's turn

  virtual ~KernelSteps() = default;
  // Called once, when `spent` passes `worth`. Any thread.
  virtual void wanted() {}
  // Called once, when `late` passes `worth`: a launch goes on and on in steps.
  virtual void resumption_wanted() {}
  // The step's line as people write it: see KernelCode::line (run/code_map.h).
  virtual std::string place(const KernelStep& step) const = 0;
};

}  // namespace software
