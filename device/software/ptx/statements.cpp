// Function bodies of PTX: declarations, labels, instructions and their operands.
#include <algorithm>
#include <array>
#include <string>

#include "device/software/ptx/parsing.h"

namespace ptx {
namespace {

constexpr uint32_t nowhere = ~uint32_t{0};
constexpr size_t deepest_scope = 64;
constexpr uint64_t most_registers = 1 << 20;

const std::unordered_map<std::string_view, Opcode>& opcodes() {
  static const auto table = [] {
    std::unordered_map<std::string_view, Opcode> words;
    for (uint16_t i = 0; i < static_cast<uint16_t>(Opcode::count); ++i)
      words[word(static_cast<Opcode>(i))] = static_cast<Opcode>(i);
    return words;
  }();
  return table;
}

const std::unordered_map<std::string_view, Special>& specials() {
  static const std::unordered_map<std::string_view, Special> table = {
      {"%tid.x", Special::tid_x},
      {"%tid.y", Special::tid_y},
      {"%tid.z", Special::tid_z},
      {"%ntid.x", Special::ntid_x},
      {"%ntid.y", Special::ntid_y},
      {"%ntid.z", Special::ntid_z},
      {"%ctaid.x", Special::ctaid_x},
      {"%ctaid.y", Special::ctaid_y},
      {"%ctaid.z", Special::ctaid_z},
      {"%nctaid.x", Special::nctaid_x},
      {"%nctaid.y", Special::nctaid_y},
      {"%nctaid.z", Special::nctaid_z},
      {"%laneid", Special::laneid},
      {"%warpid", Special::warpid},
      {"%nwarpid", Special::nwarpid},
      {"%smid", Special::smid},
      {"%nsmid", Special::nsmid},
      {"%gridid", Special::gridid},
      {"%lanemask_eq", Special::lanemask_eq},
      {"%lanemask_le", Special::lanemask_le},
      {"%lanemask_lt", Special::lanemask_lt},
      {"%lanemask_ge", Special::lanemask_ge},
      {"%lanemask_gt", Special::lanemask_gt},
      {"%clock", Special::clock},
      {"%clock_hi", Special::clock_hi},
      {"%clock64", Special::clock64},
      {"%globaltimer", Special::globaltimer},
      {"%globaltimer_lo", Special::globaltimer_lo},
      {"%globaltimer_hi", Special::globaltimer_hi},
      {"%dynamic_smem_size", Special::dynamic_smem_size},
      {"%total_smem_size", Special::total_smem_size},
      {"%aggr_smem_size", Special::aggr_smem_size},
      {"%is_explicit_cluster", Special::is_explicit_cluster},
      {"%clusterid.x", Special::clusterid_x},
      {"%clusterid.y", Special::clusterid_y},
      {"%clusterid.z", Special::clusterid_z},
      {"%nclusterid.x", Special::nclusterid_x},
      {"%nclusterid.y", Special::nclusterid_y},
      {"%nclusterid.z", Special::nclusterid_z},
      {"%cluster_ctaid.x", Special::cluster_ctaid_x},
      {"%cluster_ctaid.y", Special::cluster_ctaid_y},
      {"%cluster_ctaid.z", Special::cluster_ctaid_z},
      {"%cluster_nctaid.x", Special::cluster_nctaid_x},
      {"%cluster_nctaid.y", Special::cluster_nctaid_y},
      {"%cluster_nctaid.z", Special::cluster_nctaid_z},
      {"%cluster_ctarank", Special::cluster_ctarank},
      {"%cluster_nctarank", Special::cluster_nctarank},
      {"%envreg1", Special::envreg1},
      {"%envreg2", Special::envreg2},
      {"WARP_SZ", Special::warp_size},
  };
  return table;
}

// Opcodes without a destination; all others write their first operand.
uint8_t destinations_of(const Instruction& instruction) {
  static constexpr std::array none = {
      Opcode::st,         Opcode::bra,
      Opcode::brx,        Opcode::call,
      Opcode::ret,        Opcode::exit,
      Opcode::trap,       Opcode::brkpt,
      Opcode::membar,     Opcode::fence,
      Opcode::red,        Opcode::prefetch,
      Opcode::prefetchu,  Opcode::cp,
      Opcode::nanosleep,  Opcode::sust,
      Opcode::sured,      Opcode::stmatrix,
      Opcode::discard,    Opcode::applypriority,
      Opcode::pmevent,    Opcode::griddepcontrol,
      Opcode::setmaxnreg, Opcode::stackrestore,
  };
  if (std::find(none.begin(), none.end(), instruction.opcode) != none.end()) return 0;
  if (instruction.opcode == Opcode::wmma && instruction.modifiers.has("store")) return 0;
  if (instruction.opcode == Opcode::wgmma && !instruction.modifiers.has("mma_async")) return 0;
  if (instruction.opcode == Opcode::bar || instruction.opcode == Opcode::barrier)
    return instruction.modifiers.has("red") ? 1 : 0;
  return instruction.operands.empty() || instruction.operands[0].kind == Operand::address ? 0 : 1;
}

}  // namespace

void Parsing::open_scope() {
  if (scopes_.size() == deepest_scope) return fail("braces nested too deeply");
  scopes_.emplace_back();
}

// A label that the scope does not define may stand in the one around it.
void Parsing::close_scope() {
  Scope scope = std::move(scopes_.back());
  scopes_.pop_back();
  for (const auto& [text, index] : scope.labels) {
    if (function_->labels[index] != nowhere) continue;
    if (scopes_.empty()) {
      token_.line = label_lines_[index];
      return fail("label '" + text + "' is nowhere in the function");
    }
    auto [entry, added] = scopes_.back().labels.try_emplace(text, index);
    if (added || entry->second == index) continue;
    for (Instruction& instruction : function_->body)
      for (Operand& operand : instruction.operands)
        if (operand.kind == Operand::label && operand.index == index) operand.index = entry->second;
  }
}

void Parsing::body(Function& function) {
  function_ = &function;
  label_lines_.clear();
  scopes_.clear();
  open_scope();
  result_registers_.clear();
  for (const Variable& result : function.results) {
    auto variable = static_cast<uint32_t>(function.variables.size());
    function.result_variables.push_back(variable);
    int64_t number = declare_parameter(result);
    if (number >= 0) result_registers_.emplace_back(variable, static_cast<uint32_t>(number));
  }
  for (const Variable& parameter : function.parameters) {
    auto variable = static_cast<uint32_t>(function.variables.size());
    function.parameter_variables.push_back(variable);
    int64_t number = declare_parameter(parameter);
    if (number >= 0) load_parameter(variable, number);
  }
  size_t outermost = scopes_.size();
  while (!failed_ && scopes_.size() >= outermost) {
    if (token_.kind == Token::end)
      fail("'" + function.name + "' does not end");
    else
      statement();
  }
  store_results({}, token_.line);  // the end returns, too
  function_ = nullptr;
}

void Parsing::statement() {
  if (accept('{')) return open_scope();
  if (token_.is('}')) {
    close_scope();
    return advance();
  }
  if (accept(';')) return;
  if (token_.kind == Token::dot) return statement_directive();
  if (accept('@')) return guarded();
  instruction({});
}

void Parsing::statement_directive() {
  if (token_.text == "loc" || token_.text == "file") return skip_line();
  if (accept_dot("pragma")) {
    do advance();
    while (accept(','));
    return expect(';');
  }
  if (accept_dot("reg")) return registers();
  Space space = space_named(token_.text);
  if (space == Space::none) return fail("unknown directive '." + std::string(token_.text) + "' in a function");
  advance();
  for (Variable& variable : variables(space, {})) add_variable(std::move(variable));
}

// .reg .b32 %r<10>, a, b;
void Parsing::registers() {
  Type type = Type::none;
  unsigned lanes = 1;
  while (token_.kind == Token::dot) {
    if (Type named = type_named(token_.text); named != Type::none) type = named;
    if (token_.text == "v2" || token_.text == "v4") lanes = token_.text == "v2" ? 2 : 4;
    advance();
  }
  if (type == Type::none) fail("registers without a type");
  do {
    std::string text = name();
    if (!accept('<')) {
      add_register(text, type, lanes);
      continue;
    }
    uint64_t count = primary().value;
    if (count > most_registers) return fail("more registers than any kernel has");
    for (uint64_t i = 0; i < count && !failed_; ++i) add_register(text + std::to_string(i), type, lanes);
    expect('>');
  } while (accept(',') && !failed_);
  expect(';');
}

// A vector (.reg .v4 .f32 v) is its elements, which follow each other.
void Parsing::add_register(const std::string& text, Type type, unsigned lanes) {
  Operand::Kind kind = lanes == 1 ? Operand::reg : Operand::vector;
  scopes_.back().names[text] = {kind, static_cast<uint32_t>(function_->registers.size()), lanes};
  for (unsigned i = 0; i < lanes; ++i) function_->registers.push_back({text, type});
}

void Parsing::add_variable(Variable variable) {
  scopes_.back().names[variable.name] = {Operand::symbol, static_cast<uint32_t>(function_->variables.size())};
  function_->variables.push_back(std::move(variable));
}

const Parsing::Symbol* Parsing::look_up(const std::string& text) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
    if (auto found = scope->names.find(text); found != scope->names.end()) return &found->second;
  return nullptr;
}

void Parsing::guarded() {
  Guard guard;
  guard.negated = accept('!');
  std::string text = name();
  const Symbol* found = look_up(text);
  if (!found || found->kind != Operand::reg) return fail("'" + text + "' is no predicate");
  guard.reg = static_cast<int32_t>(found->index);
  instruction(guard);
}

void Parsing::instruction(Guard guard) {
  Instruction instruction;
  instruction.guard = guard;
  instruction.line = token_.line;
  std::string text = name();
  if (guard.reg < 0 && accept(':')) {
    bool list = token_.is_dot("callprototype") || token_.is_dot("calltargets") || token_.is_dot("branchtargets");
    return list ? named_list(text) : define_label(text);
  }
  auto opcode = opcodes().find(text);
  if (opcode == opcodes().end()) return fail("unknown instruction '" + text + "'");
  instruction.opcode = opcode->second;
  while (token_.kind == Token::dot) {
    add_modifier(instruction.modifiers, token_.text);
    advance();
  }
  bool second = false;
  minus_ = instruction.opcode == Opcode::vmad;
  if (instruction.opcode == Opcode::call) {
    call_operands(instruction);
  } else if (instruction.opcode == Opcode::brx) {
    branch_targets(instruction);
  } else if (!token_.is(';')) {
    do {
      instruction.operands.push_back(operand());
      if (instruction.operands.size() == 1 && accept('|')) {  // setp p|q, shfl d|p
        instruction.operands.push_back(operand());
        second = true;
      }
    } while (accept(',') && !failed_);
  }
  expect(';');
  const unsigned fewest = fewest_operands(instruction.opcode);
  if (!failed_ && instruction.operands.size() < fewest)
    return fail("'" + text + "' has at least " + std::to_string(fewest) + " operands, here " +
                std::to_string(instruction.operands.size()));
  // wgmma adds to its first operand: as a source, it stands beside itself.
  if (instruction.opcode == Opcode::wgmma && instruction.modifiers.has("mma_async") && !instruction.operands.empty())
    instruction.operands.insert(instruction.operands.begin(), Operand(instruction.operands[0]));
  instruction.destinations = static_cast<uint8_t>(destinations_of(instruction) + second);
  if (instruction.opcode == Opcode::ret) store_results(instruction.guard, instruction.line);
  function_->body.push_back(std::move(instruction));
  for (Instruction& load : after_call_) function_->body.push_back(std::move(load));
  after_call_.clear();
}

Operand Parsing::operand() {
  Operand result;
  if (token_.is('[')) return address();
  if (token_.is('{')) return vector();
  if (token_.kind == Token::word) return word_operand();
  bool negation = token_.is('!'), minus = token_.is('-');
  if (!negation && !minus) return constant();
  advance();
  if (token_.kind != Token::word) return constant(negation ? '!' : '-');
  if (minus && !minus_) fail("a minus before a register");
  result = word_operand();  // !p, and -a of vmad
  result.negated = true;
  return result;
}

Operand Parsing::word_operand() {
  Operand result;
  std::string text = name();
  if (text == "_") {
    result.kind = Operand::sink;
    return result;
  }
  if (const Symbol* found = look_up(text)) {
    if (found->kind == Operand::vector) return vector_register(*found);
    result.kind = found->kind;
    result.local = true;
    result.index = found->index;
    if (found->kind == Operand::reg && token_.kind == Token::dot) selector(result);
    if (found->kind == Operand::symbol && accept('+')) result.value = static_cast<int64_t>(integer());
    return result;
  }
  if (text[0] == '%' || text == "WARP_SZ") return special(text);
  if (auto found = module_names_.find(text); found != module_names_.end()) {
    result.kind = found->second.kind;
    result.index = found->second.index;
    if (accept('+')) result.value = static_cast<int64_t>(integer());
    return result;
  }
  return label(text);
}

Operand Parsing::special(const std::string& text) {
  Operand result;
  result.kind = Operand::special_register;
  std::string full = text;
  static constexpr std::string_view axes[] = {".x", ".y", ".z"};
  if (token_.kind != Token::dot && specials().count(text + ".x")) {  // all of %tid: x, y, z and 0
    result.kind = Operand::vector;
    for (std::string_view axis : axes) {
      Operand element;
      element.kind = Operand::special_register;
      element.special = specials().at(text + std::string(axis));
      result.elements.push_back(element);
    }
    Operand nothing;
    nothing.kind = Operand::integer;
    result.elements.push_back(nothing);
    return result;
  }
  if (token_.kind == Token::dot) {
    full += "." + std::string(token_.text);
    advance();
  }
  auto found = specials().find(full);
  if (found != specials().end())
    result.special = found->second;
  else if (is_always_zero(full))
    result.special = Special::zero;
  else
    fail("unknown register '" + full + "'");
  return result;
}

Operand Parsing::address() {
  Operand result;
  expect('[');
  Operand base = operand();
  result.kind = Operand::address;
  result.base_kind = base.kind == Operand::integer ? Operand::none : base.kind;
  result.local = base.local;
  result.index = base.index;
  result.value = base.value;
  bool known = base.kind == Operand::reg || base.kind == Operand::symbol || base.kind == Operand::integer;
  if (!known) fail("an address must be a register, a variable or a number");
  while (accept('+')) result.value += static_cast<int64_t>(integer());
  while (!failed_ && accept(',')) result.elements.push_back(operand());  // a texture's sampler and coordinates
  expect(']');
  return result;
}

Operand Parsing::vector() {
  Operand result;
  result.kind = Operand::vector;
  expect('{');
  while (!failed_ && !token_.is('}')) {
    if (token_.is('{')) fail("a vector inside a vector");
    result.elements.push_back(operand());
    if (!accept(',')) break;
  }
  expect('}');
  return result;
}

Operand Parsing::label(const std::string& text) {
  Operand result;
  result.kind = Operand::label;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
    if (auto found = scope->labels.find(text);
        found != scope->labels.end() && function_->labels[found->second] != nowhere) {
      result.index = found->second;
      return result;
    }
  auto [entry, added] = scopes_.back().labels.try_emplace(text, static_cast<uint32_t>(function_->labels.size()));
  if (added) {
    function_->labels.push_back(nowhere);
    function_->label_names.push_back(text);
    label_lines_.push_back(token_.line);
  }
  result.index = entry->second;
  return result;
}

void Parsing::define_label(const std::string& text) {
  auto [entry, added] = scopes_.back().labels.try_emplace(text, static_cast<uint32_t>(function_->labels.size()));
  if (added) {
    function_->labels.push_back(nowhere);
    function_->label_names.push_back(text);
    label_lines_.push_back(token_.line);
  }
  uint32_t& place = function_->labels[entry->second];
  if (place != nowhere) return fail("label '" + text + "' stands twice");
  place = static_cast<uint32_t>(function_->body.size());
}

}  // namespace ptx
