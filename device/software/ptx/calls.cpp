// Calls and jumps through tables: their operands, and the lists that they name.
#include <algorithm>
#include <string>

#include "device/software/ptx/parsing.h"

namespace ptx {

// call (results), callee, (arguments), prototype;
void Parsing::call_operands(Instruction& instruction) {
  auto list = [&](std::vector<Operand>& operands) {
    expect('(');
    while (!failed_ && !token_.is(')')) {
      operands.push_back(operand());
      if (!accept(',')) break;
    }
    expect(')');
  };
  if (token_.is('(')) {
    list(instruction.results);
    expect(',');
  }
  instruction.operands.push_back(operand());
  while (accept(',') && !failed_) {
    if (token_.is('(')) {
      list(instruction.arguments);
      continue;
    }
    std::string text = name();
    const auto& known = function_->prototypes;
    auto found =
        std::find_if(known.begin(), known.end(), [&](const Prototype& prototype) { return prototype.name == text; });
    if (found == known.end()) return fail("'" + text + "' is no prototype");
    instruction.prototype = static_cast<int32_t>(found - known.begin());
  }
  pass_by_variables(instruction);
}

// brx.idx index, table: the table's labels become operands, so that whoever follows branches needs no table.
void Parsing::branch_targets(Instruction& instruction) {
  instruction.operands.push_back(operand());
  expect(',');
  std::string text = name();
  for (const auto& table : function_->branch_tables) {
    if (table.name != text) continue;
    for (uint32_t index : table.labels) {
      Operand target;
      target.kind = Operand::label;
      target.index = index;
      instruction.operands.push_back(target);
    }
    return;
  }
  fail("'" + text + "' is no list of branch targets");
}

// name: .branchtargets a, b;  name: .calltargets f, g;  name: .callprototype (result) _ (parameters);
void Parsing::named_list(const std::string& text) {
  if (accept_dot("branchtargets")) {
    Function::BranchTable table{text, {}};
    do table.labels.push_back(label(name()).index);
    while (accept(',') && !failed_);
    function_->branch_tables.push_back(std::move(table));
    return expect(';');
  }
  Prototype prototype;
  prototype.name = text;
  if (accept_dot("calltargets")) {
    do name();
    while (accept(',') && !failed_);
  } else {
    advance();
    if (token_.is('(')) prototype.results = parameters();
    name();
    if (token_.is('(')) prototype.parameters = parameters();
    accept_dot("noreturn");
  }
  function_->prototypes.push_back(std::move(prototype));
  expect(';');
}

}  // namespace ptx
