// Arguments and results that are registers (.func (.reg .u32 r) f (.reg .u32 a), call (%r1), f, (%r2, 7)) as what they
// stand for: .param variables, loaded and stored where the function begins and ends and around calls. What reads the
// parser's work sees variables alone.
#include "device/software/ptx/parsing.h"

namespace ptx {
namespace {

Operand symbol_of(uint32_t variable) {
  Operand made;
  made.kind = Operand::symbol;
  made.local = true;
  made.index = variable;
  return made;
}

// ld.param of a variable into `value`, or st.param of it.
Instruction transfer(Opcode opcode, Type type, uint32_t variable, const Operand& value, Guard guard, uint32_t line) {
  Instruction made;
  made.opcode = opcode;
  made.guard = guard;
  made.line = line;
  made.modifiers.words = {"param"};
  made.modifiers.space = Space::param;
  made.modifiers.type = made.modifiers.source_type = type;
  made.modifiers.types = {type};
  Operand address = symbol_of(variable);
  address.kind = Operand::address;
  address.base_kind = Operand::symbol;
  made.operands = opcode == Opcode::ld ? Operands{value, address} : Operands{address, value};
  made.destinations = opcode == Opcode::ld ? 1 : 0;
  return made;
}

}  // namespace

// Declares a parameter or a result; gives the register's number where it is one, and -1 where it is not.
int64_t Parsing::declare_parameter(const Variable& declared) {
  Variable variable = declared;
  bool in_register = variable.space == Space::reg;
  if (in_register) variable.space = Space::param;
  add_variable(variable);
  if (!in_register) return -1;
  add_register(declared.name, declared.type, 1);
  return static_cast<int64_t>(function_->registers.size()) - 1;
}

void Parsing::load_parameter(uint32_t variable, int64_t number) {
  Operand value;
  value.kind = Operand::reg;
  value.local = true;
  value.index = static_cast<uint32_t>(number);
  function_->body.push_back(
      transfer(Opcode::ld, function_->variables[variable].type, variable, value, {}, function_->line));
}

void Parsing::store_results(Guard guard, uint32_t line) {
  for (auto [variable, number] : result_registers_) {
    Operand value;
    value.kind = Operand::reg;
    value.local = true;
    value.index = number;
    function_->body.push_back(transfer(Opcode::st, function_->variables[variable].type, variable, value, guard, line));
  }
}

// What this call's callee declares, where that is known.
const std::vector<Variable>* Parsing::declared_by(const Instruction& call, bool results) const {
  const Operand& callee = call.operands.at(0);
  if (callee.kind == Operand::function) {
    const Function& function =
        function_->name == module_.functions[callee.index].name ? *function_ : module_.functions[callee.index];
    return results ? &function.results : &function.parameters;
  }
  if (call.prototype < 0) return nullptr;
  const Prototype& prototype = function_->prototypes[static_cast<size_t>(call.prototype)];
  return results ? &prototype.results : &prototype.parameters;
}

void Parsing::pass_by_variables(Instruction& call) {
  auto pass = [&](std::vector<Operand>& operands, bool results) {
    const auto* declared = declared_by(call, results);
    for (size_t i = 0; i < operands.size() && !failed_; ++i) {
      Operand value = operands[i];
      bool constant = value.kind == Operand::integer || value.kind == Operand::real;
      if (value.kind != Operand::reg && !(constant && !results)) continue;
      Variable variable;
      variable.space = Space::param;
      if (declared && i < declared->size())
        variable = (*declared)[i], variable.space = Space::param;
      else if (value.kind == Operand::reg)
        variable.type = function_->registers[value.index].type;
      else
        return fail("a constant as the argument of a call whose types are not known");
      variable.size = variable.alignment = (bits(variable.type) + 7) / 8;
      auto index = static_cast<uint32_t>(function_->variables.size());
      function_->variables.push_back(variable);
      auto& list = results ? after_call_ : function_->body;
      list.push_back(transfer(results ? Opcode::ld : Opcode::st, variable.type, index, value, call.guard, call.line));
      operands[i] = symbol_of(index);
    }
  };
  pass(call.arguments, false);
  pass(call.results, true);
}

}  // namespace ptx
