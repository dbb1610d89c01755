// Function bodies of PTX: declarations and instructions. Their operands are operands.cpp's.
#include <algorithm>
#include <array>
#include <string>

#include "device/software/ptx/parsing.h"

namespace ptx {
namespace {

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

}  // namespace ptx
