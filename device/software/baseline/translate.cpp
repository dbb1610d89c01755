#include "device/software/baseline/translate.h"

#include <algorithm>
#include <map>

#include "device/software/baseline/form.h"
#include "device/software/baseline/handlers.h"
#include "device/software/pass/cfg.h"
#include "device/software/pass/layout.h"
#include "device/software/pass/spinning.h"

namespace software {
namespace {

using ptx::Opcode;
using ptx::Operand;

constexpr uint64_t worth_per_instruction = 5'000;  // docs/performance.md, "Tiers"
constexpr uint32_t most_frame_bytes = 8 << 20;     // of the registers of one warp

uint32_t aligned(uint32_t value, uint32_t alignment) { return (value + alignment - 1) / alignment * alignment; }

bool ends_function(const ptx::Instruction& instruction) {
  return instruction.opcode == Opcode::ret || instruction.opcode == Opcode::exit;
}

bool branches(const ptx::Instruction& instruction) {
  return instruction.opcode == Opcode::bra || instruction.opcode == Opcode::brx;
}

struct Refused {
  std::string text;
};

// What the steps of all functions of a kernel need of one another.
struct Whole {
  const ptx::Module& module;
  const Placement& placement;
  uint64_t variables_at;
  std::map<size_t, FunctionSteps*> functions;  // by index
  std::map<std::string, Form> forms;
  std::vector<std::pair<FunctionSteps*, std::pair<size_t, const Form*>>> wanted;  // step of that function
};

class Translator {
 public:
  Translator(Whole& whole, size_t index, uint32_t text)
      : whole_(whole),
        function_(whole.module.functions[index]),
        code_(*whole.functions.at(index)),
        maker_(whole.module, function_, whole.placement, whole.variables_at),
        text_(text) {}

  void translate() {
    flow_ = control_flow(function_);
    layout_ = lay_out(flow_);
    if (find_spins(function_, flow_, layout_).any) {  // as in Emitter
      flow_ = control_flow(function_, true);
      layout_ = lay_out(flow_);
    }
    lay_out_registers();
    places_.assign(flow_.blocks.size(), StepBlock::end);
    for (uint32_t i = 0; i < layout_.order.size(); ++i) places_[layout_.order[i]] = i;
    for (uint32_t i = 0; i < layout_.order.size(); ++i) add_block(i);
    add_loops();
  }

 private:
  void lay_out_registers() {
    code_.local_bytes = static_cast<uint32_t>(maker_.frame().bytes);
    uint32_t end = 64;  // the carry flag's
    auto place = [&](uint32_t bits) {
      uint32_t bytes = bits == 1 ? 4 : warp_size * bits / 8;
      end = aligned(end, std::min(bytes, 32u));
      offsets_.push_back(end);
      end += bytes;
      return offsets_.back();
    };
    for (const ptx::Register& one : function_.registers) place(ptx::bits(one.type));
    code_.registers = offsets_;
    code_.local = place(64);
    bool called = !function_.is_entry;
    for (size_t i = 0; called && i < function_.results.size(); ++i) code_.results.push_back(place(64));
    for (size_t i = 0; called && i < function_.parameters.size(); ++i) code_.parameters.push_back(place(64));
    code_.waiting = end;
    end += 4 * static_cast<uint32_t>(flow_.blocks.size());
    code_.rounds = end;
    end += 4 * static_cast<uint32_t>(layout_.regions.size());
    code_.frame_bytes = aligned(end, 128);
    if (code_.frame_bytes > most_frame_bytes) throw Refused{"too many registers"};
  }

  uint32_t offset_of(uint32_t reg) const { return offsets_[reg]; }

  uint32_t place_at(const Block& block, uint32_t instruction) const {
    for (uint32_t next : block.successors)
      if (flow_.blocks[next].first == instruction) return places_[next];
    return StepBlock::end;
  }

  void add_block(uint32_t at) {
    const Block& range = flow_.blocks[layout_.order[at]];
    StepBlock block;
    block.first = static_cast<uint32_t>(code_.steps.size());
    for (uint32_t i = range.first; i < range.last; ++i) {
      const ptx::Instruction& instruction = function_.body[i];
      if (!branches(instruction) && !ends_function(instruction)) add_step(instruction);
    }
    block.last = static_cast<uint32_t>(code_.steps.size());
    end_block(block, range);
    code_.blocks.push_back(std::move(block));
  }

  void add_loops() {
    Spins spins = find_spins(function_, flow_, layout_);
    code_.spins = spins.any;
    for (uint32_t i = 0; i < layout_.regions.size(); ++i) {
      const Region& region = layout_.regions[i];
      code_.loops.push_back({places_[region.header], spins.loops[i]});
      code_.blocks[places_[region.header]].heads_loop = true;
      code_.blocks[region.last - 1].loops.push_back(i);
    }
    for (uint32_t i = 0; spins.any && i < code_.blocks.size(); ++i) {
      const ptx::Instruction& first = function_.body[flow_.blocks[layout_.order[i]].first];
      code_.blocks[i].meets = is_meeting(first);
      if (code_.blocks[i].meets) name_members(first, code_.blocks[i]);
    }
  }

  // As Emitter::named_members: all lanes, unless the last operand says which.
  void name_members(const ptx::Instruction& instruction, StepBlock& block) const {
    const Operand* mask = instruction.operands.empty() ? nullptr : &instruction.operands.back();
    if (!mask || !names_members(instruction)) return;
    if (mask->kind == Operand::integer) block.members = static_cast<uint32_t>(mask->value);
    if (mask->kind == Operand::reg && !mask->negated) block.members_in = offset_of(mask->index);
  }

  void end_block(StepBlock& block, const Block& range) {
    const ptx::Instruction& last = function_.body[range.last - 1];
    block.next = place_at(range, range.last);
    block.taken = block.next;
    if (!branches(last) && !ends_function(last)) return;
    if (last.guard.reg >= 0) {
      block.guard = offset_of(static_cast<uint32_t>(last.guard.reg));
      block.negated = last.guard.negated;
    }
    block.taken = StepBlock::end;
    if (last.opcode == Opcode::bra) block.taken = place_at(range, function_.labels[last.operands.at(0).index]);
    if (last.opcode != Opcode::brx) return;
    if (last.operands.at(0).kind != Operand::reg) throw Refused{"brx by no register"};
    block.index = offset_of(last.operands[0].index);
    for (size_t i = 1; i < last.operands.size(); ++i)
      block.targets.push_back(place_at(range, function_.labels[last.operands[i].index]));
  }

  KernelStep begin(const ptx::Instruction& instruction) const {
    KernelStep step;
    step.line = instruction.line;
    step.text = text_;
    if (instruction.guard.reg < 0) return step;
    step.guard = offset_of(static_cast<uint32_t>(instruction.guard.reg));
    step.negated = instruction.guard.negated;
    return step;
  }

  void add_step(const ptx::Instruction& instruction) {
    if (instruction.opcode == Opcode::call) return add_call(instruction);
    auto made = maker_.make(instruction);
    if (!made) made = maker_.make(as_sum(instruction));
    if (!made) throw Refused{"no form for " + std::string(ptx::word(instruction.opcode))};
    KernelStep step = begin(instruction);
    step.given = static_cast<uint32_t>(code_.given.size());
    for (const Given& given : made->given)
      code_.given.push_back(given.is_register ? offset_of(static_cast<uint32_t>(given.value)) : given.value);
    auto form = whole_.forms.emplace(made->form.key, std::move(made->form)).first;
    whole_.wanted.push_back({&code_, {code_.steps.size(), &form->second}});
    code_.steps.push_back(step);
  }

  // The address of a local variable is a sum of a register and a number; anything else stays what it is.
  ptx::Instruction as_sum(const ptx::Instruction& instruction) const {
    if (instruction.opcode != Opcode::mov || instruction.operands.at(1).kind != Operand::symbol) return instruction;
    const Operand& symbol = instruction.operands[1];
    if (!symbol.local) return instruction;
    ptx::Instruction sum = instruction;
    sum.opcode = Opcode::add;
    sum.modifiers = {};
    sum.modifiers.words = {"u64"};
    sum.modifiers.type = ptx::Type::u64;
    sum.modifiers.types = {ptx::Type::u64};
    Operand base, offset;
    base.kind = Operand::reg;
    offset.kind = Operand::integer;
    offset.value = symbol.value;
    base.index = register_of(symbol.index, offset.value);
    sum.operands = {instruction.operands[0], base, offset};
    return sum;
  }

  uint32_t register_of(uint32_t variable, int64_t& offset) const {
    auto position = [&](const std::vector<uint32_t>& list) {
      return static_cast<size_t>(std::ranges::find(list, variable) - list.begin());
    };
    size_t result = position(function_.result_variables), parameter = position(function_.parameter_variables);
    if (result < function_.result_variables.size()) return maker_.result_register(result);
    if (parameter < function_.parameter_variables.size()) return maker_.parameter_register(parameter);
    uint64_t local = maker_.frame().local[variable];
    if (local == Frame::nowhere) throw Refused{"an address of that kind"};
    offset += static_cast<int64_t>(local);
    return maker_.local_register();
  }

  void add_call(const ptx::Instruction& instruction) {
    const Operand& callee = instruction.operands.at(0);
    if (callee.kind != Operand::function) throw Refused{"a call through a register"};
    const ptx::Function& called = whole_.module.functions[callee.index];
    CallStep call;
    auto offsets = [&](const std::vector<Operand>& operands, std::vector<uint32_t>& into) {
      for (const Operand& operand : operands) {
        uint64_t local =
            operand.kind == Operand::symbol && operand.local ? maker_.frame().local[operand.index] : Frame::nowhere;
        if (local == Frame::nowhere) throw Refused{"an argument that is no .param variable"};
        into.push_back(static_cast<uint32_t>(local));
      }
    };
    offsets(instruction.results, call.results);
    offsets(instruction.arguments, call.arguments);
    if (called.defined) {
      call.callee = whole_.functions.at(callee.index);
      if (call.results.size() != called.results.size() || call.arguments.size() != called.parameters.size())
        throw Refused{"a call with other parameters than its function"};
    } else {
      choose_device_call(called.name, call);
    }
    KernelStep step = begin(instruction);
    step.call = static_cast<uint32_t>(code_.calls.size());
    code_.calls.push_back(std::move(call));
    code_.steps.push_back(step);
  }

  static void choose_device_call(const std::string& name, CallStep& call) {
    constexpr struct {
      const char* name;
      CallStep::Kind kind;
      size_t arguments;
    } known[] = {{"vprintf", CallStep::print, 2},
                 {"malloc", CallStep::allocate, 1},
                 {"free", CallStep::free, 1},
                 {"__assertfail", CallStep::fail_assertion, 4}};
    for (const auto& row : known)
      if (name == row.name && call.arguments.size() >= row.arguments) return void(call.kind = row.kind);
    throw Refused{"a call of " + name};
  }

  Whole& whole_;
  const ptx::Function& function_;
  FunctionSteps& code_;
  FormMaker maker_;
  const uint32_t text_;
  ControlFlow flow_;
  Layout layout_;
  std::vector<uint32_t> offsets_;  // of registers, from the frame
  std::vector<uint32_t> places_;   // in the layout, by block
};

// Of the frames of the deepest chain of calls from there. A function that may call itself is refused.
uint32_t depth(const FunctionSteps& function, std::map<const FunctionSteps*, uint32_t>& known) {
  constexpr uint32_t under_way = ~0u;
  if (auto found = known.find(&function); found != known.end()) {
    if (found->second == under_way) throw Refused{"recursion"};
    return found->second;
  }
  known[&function] = under_way;
  uint32_t below = 0;
  for (const CallStep& call : function.calls)
    if (call.callee) below = std::max(below, depth(*call.callee, known));
  if (function.frame_bytes + below > most_frame_bytes) throw Refused{"too many registers"};
  return known[&function] = function.frame_bytes + below;
}

void find_all_handlers(Whole& whole) {
  std::vector<const Form*> forms;
  std::map<const Form*, size_t> numbers;
  for (auto& [key, form] : whole.forms) {
    numbers[&form] = forms.size();
    forms.push_back(&form);
  }
  auto handlers = find_handlers(forms);
  if (!handlers) throw Refused{handlers.error()};
  for (auto& [code, step] : whole.wanted) code->steps[step.first].handlers = handlers.value()[numbers[step.second]];
}

}  // namespace

base::Status translate_to_steps(const ptx::Module& module, std::span<const size_t> functions,
                                const Placement& placement, uint64_t variables_at, KernelSteps& kernel) {
  Whole whole{module, placement, variables_at, {}, {}, {}};
  size_t instructions = 0;
  for (size_t index : functions) {
    kernel.functions.push_back(std::make_unique<FunctionSteps>());
    whole.functions[index] = kernel.functions.back().get();
    instructions += module.functions[index].body.size();
  }
  try {
    for (size_t index : functions) Translator(whole, index, placement.text[index]).translate();
    find_all_handlers(whole);
    std::map<const FunctionSteps*, uint32_t> known;
    kernel.frame_bytes = depth(*kernel.functions[0], known);
  } catch (const Refused& refusal) {
    return base::Error{refusal.text};
  } catch (const std::out_of_range&) {
    return base::Error{"an operand is missing"};
  }
  kernel.worth = worth_per_instruction * std::max<size_t>(instructions, 50);
  return base::Done{};
}

}  // namespace software
