// Emits one PTX function as LLVM code that runs a whole warp: a varying register is a vector of all
// lanes, a uniform one a scalar. A value is varying exactly when its LLVM type is a vector of an element per lane.
#pragma once
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device/software/pass/ahead.h"
#include "device/software/pass/bounds.h"
#include "device/software/pass/cfg.h"
#include "device/software/pass/layout.h"
#include "device/software/pass/liveness.h"
#include "device/software/pass/spinning.h"
#include "device/software/pass/stages.h"
#include "device/software/pass/uniformity.h"
#include "device/software/ptx/ast.h"
#include "device/software/run/steps.h"
#include "device/software/run/warp.h"

namespace software {

// Of a whole warp; code for instructions by which lanes meet counts on it.
inline constexpr unsigned lanes = 32;

// Where variables live for one kernel and the functions it reaches.
struct Placement {
  std::vector<uint64_t> address;          // by module variable: from where they begin, or offset in shared memory
  std::vector<uint32_t> function_shared;  // by function: where its own shared variables start
  std::vector<uint32_t> pointed_at;       // functions whose address something holds
  std::vector<uint32_t> text;             // by function: which of the linked texts it is from
};
inline constexpr uint64_t variables_alignment = 256;  // of where the module's variables begin
// A function's address as kernels see it: a number, the same in every kernel of the module. Machine code has others,
// which no kernel gets to see.
constexpr uint64_t function_address(uint64_t index) { return 0x100 + 16 * index; }
// Bytes of shared memory that a function's own variables take when they start at `start`.
uint32_t shared_end(const ptx::Function& function, uint32_t start);
bool uses_stack(const ptx::Function& function);  // alloca and its like

// Where a function's own variables lie.
struct Frame {
  static constexpr uint64_t nowhere = ~uint64_t{0};
  std::vector<uint64_t> local;   // by function variable: bytes from a lane's local memory; nowhere: not there
  std::vector<uint32_t> shared;  // by function variable: offset in shared memory
  uint64_t bytes = 0;            // per lane
};
Frame lay_out_frame(const ptx::Function& function, uint32_t shared_start);

// What holds for all code that runs a warp; its first argument is the Warp.
void make_kernel_code(llvm::Function& function);

struct Unsupported {  // thrown and caught inside codegen alone
  uint32_t line;
  std::string text;
};

class Emitter {
 public:
  using Value = llvm::Value;
  using Instruction = ptx::Instruction;
  using Operand = ptx::Operand;

  // `function`: the source's one of that index, or what a pass has made of it.
  Emitter(llvm::Module& target, const ptx::Module& source, size_t index, const ptx::Function& function,
          const Placement& placement, Grouping grouping = {});
  // Fills the body of the function that declare() made. Throws Unsupported.
  void emit();
  // Likewise for the one instruction of a form (baseline/form.h), as the body of a Handler (run/steps.h) that is for
  // warps whose lanes all run, or for any.
  void emit_handler(bool all_lanes);
  // The kernel as a Resumption (run/steps.h). Its grouping has no rows of threads.
  void emit_resumption(const FunctionSteps& steps);
  uint64_t frame_bytes() const { return layout_of_frame_.bytes; }  // per lane, of this function alone; after emit()
  // How the kernel's warps run, and what each keeps from stage to stage, in bytes. After emit().
  Staging staging() const { return !stages_.any ? Staging::none : stage_count_ == 0 ? Staging::one : Staging::several; }
  uint64_t kept_bytes() const { return staging() == Staging::several ? kept_bytes_ : 0; }
  static llvm::Function* declare(llvm::Module& target, const ptx::Function& function);

  // --- used by the emit_*.cpp families
  llvm::IRBuilder<> ir;
  const unsigned lanes;  // of every varying value

  [[noreturn]] void unsupported(const Instruction& instruction, const char* why = nullptr) const;

  static bool varying(Value* value);
  Value* splat(Value* value);                            // no-op on a vector
  void unify(Value*& a, Value*& b);                      // both scalar or both vectors
  llvm::Type* shaped(llvm::Type* element, Value* like);  // element, or 32 of it where `like` is varying
  Value* as_float(Value* bits, ptx::Type type);  // bit pattern to LLVM's floating type (packed types: 64 halves)
  Value* as_bits(Value* value, unsigned width);  // back to iN or <32 x iN>
  llvm::Type* float_type(ptx::Type type);        // of one element
  Value* constant(uint64_t value, unsigned width);
  Value* like(Value* shape, uint64_t value);  // integer constant of the same type
  Value* intrinsic(llvm::Intrinsic::ID id, std::initializer_list<Value*> arguments);

  // The operand's bits, as iN or <32 x iN>, N = bits(type); wider registers are cut, narrower ones extended.
  Value* read(const Operand& operand, ptx::Type type);
  // A predicate, i1 or <32 x i1>, negated where the operand says so.
  Value* read_predicate(const Operand& operand);
  // Writes to a register (cut or extended to its width, by the type's sign), or to the sink.
  void write(const Operand& operand, Value* value, ptx::Type type = ptx::Type::none);
  Value* address_of(const Operand& operand, ptx::Space space);  // native addresses: i64 or <32 x i64>

  Value* active();                                         // i32: lanes that execute the current instruction
  Value* active_lanes();                                   // the same as <32 x i1>
  bool all_run();                                          // known here: every lane executes it
  Value* every_lane();                                     // i32: all lanes of a warp
  Value* mask_of(Value* conditions);                       // <32 x i1> to i32
  Value* lanes_of(Value* mask);                            // and back
  Value* lane_numbers();                                   // <32 x i32> 0..31
  Value* warp_field(unsigned offset, llvm::Type* type);    // Warp::...
  Value* launch_field(unsigned offset, llvm::Type* type);  // Launch::...
  Value* warp() const { return warp_; }
  Value* shared_memory();                 // where the block's begins: i64
  Value* handle(const Operand& operand);  // of a texture, sampler or surface: i64 or <32 x i64>
  Value* texture_operands();              // room for TextureOperands, the function's one
  Value* hook(const char* name, llvm::Type* result, std::initializer_list<Value*> arguments);
  void require_aligned(Value* addresses, unsigned bytes);  // of the active lanes; else the launch fails
  // --- code that is checked (Grouping::checked) asks before each access; in other code these give the address back.
  struct Asked {
    unsigned bytes;  // of a lane
    ptx::Space space;
    uint32_t how;            // run/warp.h: outboard_reads and its like
    unsigned elements = 1;   // of a lane; 0: need not be aligned
    Value* lanes = nullptr;  // i32; nullptr: the active ones
  };
  Value* checked(Value* addresses, const Asked& what, const std::vector<Value*>& values = {});
  // Any number of bytes for one lane: 0, where many of them must not be touched.
  Value* checked_range(Value* lane, Value* address, Value* bytes, ptx::Space space, uint32_t how);
  bool is_checked() const { return grouping_.checked; }

  // Runs `body(lane)` for every active lane, in order; `lane` is an i32.
  void each_active_lane(const std::function<void(Value* lane)>& body);
  // Runs body only when `condition` (i1) holds.
  void when(Value* condition, const std::function<void()>& body);
  Value* element(Value* value, Value* lane);  // of a varying value; a scalar is every lane's
  // In the entry block; the next instruction gets the same ones.
  llvm::AllocaInst* scratch(llvm::Type* type);
  // One of a few areas of 4 KiB that instructions use for a moment, all of them the same ones.
  llvm::AllocaInst* area(unsigned number);
  llvm::Module& module() const { return *target_->getParent(); }

  // An address that counts up by `stride` from lane to lane of a row: one base per row (i64, or a vector of them).
  struct LinearAddress {
    Value* base;
    int64_t offset;  // to be added to the bases, last: so it becomes part of an instruction's address
    int64_t stride;
    Value* fits;  // i1; nullptr: always. Where it is false, only address_of() tells the addresses.
    Value* wrap;  // per row: the column from which `correction` is added; nullptr: none
    int64_t correction;
  };
  std::optional<LinearAddress> linear_address(const Operand& operand, ptx::Space space);
  Value* expanded(Value* bases);  // every lane its row's
  // `plain`, but where `condition` (i1) holds, which is unlikely, `rare`.
  void unless(Value* condition, const std::function<void()>& plain, const std::function<void()>& rare);
  // Code for the case that hardly ever comes: what it computes from linear values stays in it, though the optimiser
  // would rather compute it early.
  void rarely(const std::function<void()>& body);
  Grouping grouping() const { return grouping_; }
  Value* variable_address(size_t index);  // of a module's variable: i64
  // Where the stack ends, of all lanes: an i64. alloca moves it up.
  Value* stack_end();
  void move_stack(Value* end);
  Value* entry_mask() const { return entry_mask_; }
  bool in_stages() const { return stages_.any; }
  void end_stage(const Instruction& barrier);
  void ask_ahead(const Instruction& access);

  const ptx::Module& source;
  const ptx::Function& function;
  llvm::Value* carry = nullptr;  // alloca of the carry flag, <32 x i1>

 private:
  void prepare_frame();
  void prepare_registers();
  void take_over(const FunctionSteps& steps);
  void go_on();
  void keep_lanes_apart();
  Value* given(uint64_t index);
  Value* given_number(const Operand& operand, ptx::Type type);
  Value* displacement(const Operand& operand);
  void emit_flow();
  void emit_together(uint32_t position);
  void emit_masked(uint32_t position);
  void emit_body(uint32_t position);
  void emit_instruction(const Instruction& instruction);
  void go_together(uint32_t to);
  void part(uint32_t position, Value* yes, llvm::BasicBlock* all, llvm::BasicBlock* none);
  struct Foresight {
    Value *agree, *outcome;
  };
  const Instruction* made_by(uint32_t reg, uint32_t first, uint32_t end) const;
  std::optional<Foresight> foresee(const Operand& predicate, uint32_t first, uint32_t end);
  std::optional<Foresight> foresee_comparison(const Instruction& made);
  Foresight both(const Foresight& a, const Foresight& b, bool conjunction);
  void emit_parting(uint32_t position, Value* yes, uint32_t taken, uint32_t next);
  struct Ways {  // on from a block's end; no_block: the function ends
    uint32_t taken, next;
    bool conditional;
  };
  Ways ways(const Block& range) const;
  uint32_t successor_at(const Block& block, uint32_t instruction) const;
  static Operand guard_of(const Instruction& instruction);
  Value* condition(const Instruction& instruction);
  llvm::BasicBlock* block(const char* name);
  llvm::AllocaInst* room(llvm::Type* type);
  void emit_call(const Instruction& instruction);
  void emit_indirect_call(const Instruction& instruction, const Operand& callee);
  std::vector<Value*> call_arguments(const Instruction& instruction, Value* mask);
  bool fits(const Instruction& instruction, const ptx::Function& called) const;
  void emit_branch_table(uint32_t position);
  void emit_system_call(const Instruction& instruction, const std::string& name);
  bool in_frame(uint32_t variable) const { return layout_of_frame_.local[variable] != Frame::nowhere; }
  void send(uint32_t block, Value* mask);
  void leave(uint32_t position);
  bool spins(size_t region) const;
  bool meets(uint32_t block) const;
  Value* may_enter(uint32_t block);
  Value* named_members(const Instruction& instruction);
  void come_back();
  struct Kept {
    Value* place;
    llvm::IntegerType* flags;  // predicates are kept as the bits of such a number
    llvm::Align alignment;
  };
  void begin_warps();
  void begin_stages();
  void end_stages();
  void set_stage(Value* stage);
  void meet(const Instruction& barrier);
  void keep_around(uint32_t block);
  void keep_behind(uint32_t block);
  Value* head_field(unsigned offset);
  void cast_votes(const Instruction& reduction);
  void write_votes(const Instruction& reduction);
  Kept kept_place(llvm::AllocaInst* variable, size_t number);
  void keep(llvm::AllocaInst* variable, size_t number);
  void keep_written(uint32_t reg);
  void restore(llvm::AllocaInst* variable, size_t number);
  Value* known_aligned(Value* value, uint32_t reg);
  void restore_later(const std::vector<uint32_t>& registers);
  void restore_now(uint32_t reg);
  void restore_again(uint32_t reg);
  void restore_for(const Instruction& instruction);
  void restore_all();
  struct Arrival {  // at a barrier, of a warp whose lanes all run
    llvm::BasicBlock* block;
    llvm::PHINode* ahead;  // how many barriers it has come to beyond those that the others have
  };
  void each_kept(const std::vector<uint32_t>& registers,
                 const std::function<void(llvm::AllocaInst* variable, size_t number)>& visit);
  Arrival& arrival(uint32_t barrier);
  void arrive_together(uint32_t barrier);
  void wait_behind(uint32_t barrier, Value* stage);
  void let_wait(Value* ahead, Value* stage);
  Value* variables();
  Value* symbol_address(const Operand& operand);
  bool is_opaque(const Operand& operand) const;
  Value* special(ptx::Special special);
  Value* cluster_register(ptx::Special special);
  Value* thread_index(unsigned axis);

  struct Linear {
    Value* base;  // per row
    Value* wrap;  // the column from which Shape::correction is added, per row; nullptr: none
  };
  bool emit_linear(const Instruction& instruction);
  Linear linear_value(const Instruction& instruction);
  Linear read_linear(const Operand& operand, ptx::Type type);
  Linear special_rows(ptx::Special special);
  Linear widened(const Linear& value, const Shape& shape, bool is_signed);
  void write_linear(const Operand& operand, Linear value);
  Value* materialised(const Linear& value, const Shape& shape);
  Shape shape_of_operand(const Operand& operand) const;
  llvm::Type* row_type(llvm::Type* element) const;
  Value* rows(Value* value);
  Value* all_rows(Value* conditions);
  Value* hidden(Value* value);

  const size_t index_;
  const Placement& placement_;
  const Grouping grouping_;
  ControlFlow flow_;
  Layout layout_;
  Spins spins_;
  Uniformity shape_;
  Stages stages_;
  std::vector<Bounds> bounds_;                 // by register
  std::vector<std::optional<Growth>> growth_;  // by instruction; empty: nothing is asked for ahead
  llvm::Function* target_;
  Value* warp_ = nullptr;
  Value* first_warp_ = nullptr;  // that the call is for; in all of them, what belongs to the block is the same
  llvm::BasicBlock *next_warp_ = nullptr, *all_warps_ = nullptr;
  Value* launch_ = nullptr;
  Value* entry_mask_ = nullptr;
  Value* given_ = nullptr;  // pointer to what a handler's step gives it; nullptr: this is no handler
  Value* frame_ = nullptr;  // i64: lane 0's frame
  llvm::AllocaInst* stack_end_ = nullptr;
  Frame layout_of_frame_;
  struct Slot {
    Value* at;  // pointer
    llvm::Type* type;
  };
  std::vector<Slot> registers_;
  std::vector<llvm::AllocaInst*> wraps_;   // by register; nullptr where nothing can wrap round
  std::vector<llvm::AllocaInst*> masks_;   // by block
  std::vector<llvm::AllocaInst*> rounds_;  // by region that spins: rounds since lanes outside had their turn
  std::vector<llvm::AllocaInst*> areas_;
  llvm::AllocaInst* asked_ = nullptr;  // addresses on their way to checked() and back
  struct Scratch {
    std::vector<llvm::AllocaInst*> made;
    size_t used = 0;  // by the current instruction
  };
  std::map<llvm::Type*, Scratch> scratch_;
  std::vector<llvm::BasicBlock*> check_, body_;  // by position in the layout, and one past the end
  std::vector<llvm::BasicBlock*> together_;      // by position; nullptr: there is masked code alone
  std::vector<uint32_t> position_;               // by block
  Value* block_mask_ = nullptr;
  Value* active_ = nullptr;
  Value* guard_ = nullptr;
  bool rare_ = false;
  Value* texture_operands_ = nullptr;
  bool resumes_ = false;
  Value* kept_ = nullptr;                 // what the warp keeps from stage to stage; first, the lanes that go on
  std::vector<uint64_t> kept_at_;         // by register, twice: itself and where it wraps round
  std::set<uint32_t> awaited_;            // registers that are restored where the block first wants them
  std::map<uint32_t, Arrival> arrivals_;  // by instruction
  uint64_t kept_bytes_ = kept_head_bytes;
  llvm::AllocaInst* met_ = nullptr;      // a bit for each barrier that a warp has come to in this round
  llvm::SwitchInst* resumed_ = nullptr;  // by stage
  uint32_t stage_count_ = 0;
  const bool whole_;    // every call is for all lanes
  bool parts_ = false;  // somewhere lanes may part: there is masked code
};

// A function that the device itself provides: vprintf, malloc, free, __assertfail, cudaGraphSetConditional.
bool is_system_call(const std::string& name);

// The families; each returns false for an opcode that is not its own.
bool emit_integer(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_bits(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_float(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_convert(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_convert_packed(Emitter& emitter, const ptx::Instruction& instruction);  // of cvt, what is not one number
bool emit_video(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_stack(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_compare(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_access(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_atomic(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_copy(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_mbarrier(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_cluster(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_warp(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_matrix(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_texture(Emitter& emitter, const ptx::Instruction& instruction);
bool emit_surface(Emitter& emitter, const ptx::Instruction& instruction);

}  // namespace software
