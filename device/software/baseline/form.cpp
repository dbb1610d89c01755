#include "device/software/baseline/form.h"

#include <algorithm>

#include "device/software/ptx/modifiers.h"

namespace software {
namespace {

using ptx::Opcode;
using ptx::Operand;
using ptx::Space;

// Instructions whose code is the same whatever numbers stand in them. In those of all others, numbers say what the
// instruction is: the table of lop3, the bytes of cp.async, the selector of mma.sp.
constexpr Opcode numbers_are_data[] = {
    Opcode::abs,  Opcode::add,   Opcode::addc,  Opcode::and_,  Opcode::atom,     Opcode::bar,  Opcode::barrier,
    Opcode::bfe,  Opcode::bfi,   Opcode::bfind, Opcode::brev,  Opcode::clz,      Opcode::cnot, Opcode::copysign,
    Opcode::cvt,  Opcode::cvta,  Opcode::div,   Opcode::dp2a,  Opcode::dp4a,     Opcode::fma,  Opcode::ld,
    Opcode::ldu,  Opcode::mad,   Opcode::mad24, Opcode::madc,  Opcode::match,    Opcode::max,  Opcode::min,
    Opcode::mov,  Opcode::mul,   Opcode::mul24, Opcode::neg,   Opcode::not_,     Opcode::or_,  Opcode::popc,
    Opcode::prmt, Opcode::red,   Opcode::redux, Opcode::rem,   Opcode::sad,      Opcode::selp, Opcode::set,
    Opcode::setp, Opcode::shf,   Opcode::shfl,  Opcode::shl,   Opcode::shr,      Opcode::slct, Opcode::st,
    Opcode::sub,  Opcode::subc,  Opcode::szext, Opcode::testp, Opcode::vote,     Opcode::xor_, Opcode::fns,
    Opcode::bmsk, Opcode::elect, Opcode::rcp,   Opcode::sqrt,  Opcode::nanosleep};

// What depends on more of a function than one instruction, or on the module.
constexpr Opcode refused[] = {Opcode::alloca_, Opcode::stacksave, Opcode::stackrestore, Opcode::isspacep, Opcode::call,
                              Opcode::bra,     Opcode::brx,       Opcode::ret,          Opcode::exit};

template <class List>
bool contains(const List& list, Opcode opcode) {
  return std::ranges::find(list, opcode) != std::end(list);
}

ptx::Type type_of_width(unsigned bits) {
  switch (bits) {
    case 1: return ptx::Type::pred;
    case 8: return ptx::Type::b8;
    case 16: return ptx::Type::b16;
    case 32: return ptx::Type::b32;
    case 128: return ptx::Type::b128;
    default: return ptx::Type::b64;
  }
}

}  // namespace

namespace {

// Words that make no difference to the code: names of types that are alike in these bits, of spaces whose addresses
// are the same, and what is a hint. Fewer forms, fewer handlers.

bool is_plain_number(ptx::Type type) { return type >= ptx::Type::b8 && type <= ptx::Type::s64; }

std::string word_of(char kind, ptx::Type type) { return kind + std::to_string(ptx::bits(type)); }

ptx::Instruction with_words(const ptx::Instruction& instruction, const std::vector<std::string>& words) {
  ptx::Instruction changed = instruction;
  changed.modifiers = {};
  for (const std::string& word : words) ptx::add_modifier(changed.modifiers, word);
  return changed;
}

// A number that is given as 32 bits and stands for 64.
bool converts(const ptx::Instruction& instruction) {
  return instruction.modifiers.type == ptx::Type::f64 &&
         std::ranges::any_of(instruction.operands, [](const Operand& one) {
           return (one.kind == Operand::real && one.single) ||
                  std::ranges::any_of(one.elements, [](const Operand& element) { return element.single; });
         });
}

// The type as bits, where the instruction has no other words that matter.
ptx::Instruction of_bits(const ptx::Instruction& instruction, char kind) {
  const auto& modifiers = instruction.modifiers;
  bool number = is_plain_number(modifiers.type) || modifiers.type == ptx::Type::f32 || modifiers.type == ptx::Type::f64;
  if (!number || ptx::bits(modifiers.type) > 64 || modifiers.types.size() != 1) return instruction;
  std::vector<std::string> words = modifiers.words;
  if ((kind != 'b' && ptx::is_float(modifiers.type)) || converts(instruction)) return instruction;
  words.back() = word_of(kind, modifiers.type);
  return with_words(instruction, words);
}

// A load of few bits into a wide register.
bool extends_sign(const ptx::Instruction& instruction, const ptx::Function& function) {
  if (instruction.opcode != Opcode::ld || !ptx::is_signed(instruction.modifiers.type)) return false;
  const Operand& to = instruction.operands.at(0);
  auto wide = [&](const Operand& operand) {
    return operand.kind == Operand::reg &&
           ptx::bits(function.registers[operand.index].type) > ptx::bits(instruction.modifiers.type);
  };
  return wide(to) || std::ranges::any_of(to.elements, wide);
}

ptx::Instruction access(const ptx::Instruction& instruction, const ptx::Function& function) {
  const auto& modifiers = instruction.modifiers;
  size_t known = modifiers.vector > 1;  // words
  for (const std::string& word : modifiers.words)
    known += word == "nc" || ptx::space_named(word) != Space::none || word == "generic";
  bool plain = is_plain_number(modifiers.type) || modifiers.type == ptx::Type::f32 || modifiers.type == ptx::Type::f64;
  if (!plain || modifiers.types.size() != 1 || known + 1 != modifiers.words.size()) return instruction;
  if (modifiers.space == Space::shared && !modifiers.has("shared")) return instruction;  // shared::cluster and its like
  if (converts(instruction)) return instruction;
  std::vector<std::string> words;
  if (modifiers.space == Space::shared) words.push_back("shared");
  if (modifiers.vector > 1) words.push_back("v" + std::to_string(modifiers.vector));
  words.push_back(word_of(extends_sign(instruction, function) ? 's' : 'b', modifiers.type));
  return with_words(instruction, words);
}

ptx::Instruction simplified(const ptx::Instruction& instruction, const ptx::Function& function) {
  const auto& modifiers = instruction.modifiers;
  switch (instruction.opcode) {
    case Opcode::ld:
    case Opcode::st: return access(instruction, function);
    case Opcode::mov:
    case Opcode::selp: return modifiers.words.size() == 1 ? of_bits(instruction, 'b') : instruction;
    case Opcode::add:
    case Opcode::sub: return modifiers.words.size() == 1 ? of_bits(instruction, 'u') : instruction;
    case Opcode::mul:
    case Opcode::mad:
      return modifiers.words.size() == 2 && modifiers.width == ptx::Width::lo ? of_bits(instruction, 'u') : instruction;
    case Opcode::setp: {
      bool equality = modifiers.compare == ptx::Compare::eq || modifiers.compare == ptx::Compare::ne;
      return equality && modifiers.words.size() == 2 ? of_bits(instruction, 'u') : instruction;
    }
    default: return instruction;
  }
}

}  // namespace

FormMaker::FormMaker(const ptx::Module& module, const ptx::Function& function, const Placement& placement,
                     uint64_t variables_at)
    : module_(module),
      function_(function),
      placement_(placement),
      variables_at_(variables_at),
      frame_(lay_out_frame(function,
                           placement.function_shared[static_cast<size_t>(&function - module.functions.data())])) {}

uint32_t FormMaker::give(uint64_t value) {
  made_.given.push_back({false, value});
  return static_cast<uint32_t>(made_.given.size() - 1);
}

// Registers come first in what is given, so that a register's number is its place there: see make().
uint32_t FormMaker::give_register(uint32_t index) {
  bool own = index < function_.registers.size();
  unsigned width = own ? ptx::bits(function_.registers[index].type) : 64;
  made_.form.key += " r" + std::to_string(width);
  made_.form.registers.push_back({"", type_of_width(width)});
  made_.given.push_back({true, index});
  return static_cast<uint32_t>(made_.given.size() - 1);
}

// Where a symbol is: a number, or so far from what a register holds, or from where the kernel's parameters begin.
struct FormMaker::Place {
  enum Kind { none, number, from_register, from_parameters } kind = none;
  uint64_t value = 0;
  uint32_t base = 0;
};

FormMaker::Place FormMaker::place_of(const Operand& operand) const {
  auto offset = static_cast<uint64_t>(operand.value);
  const auto& variables = operand.local ? function_.variables : module_.variables;
  const ptx::Variable& variable = variables[operand.index];
  if (variable.type == ptx::Type::opaque) return {};
  if (!operand.local) {
    uint64_t base = variable.space == Space::shared ? 0 : variables_at_;
    return {Place::number, base + placement_.address[operand.index] + offset, 0};
  }
  if (variable.space == Space::shared) return {Place::number, frame_.shared[operand.index] + offset, 0};
  if (frame_.local[operand.index] != Frame::nowhere)
    return {Place::from_register, frame_.local[operand.index] + offset, local_register()};
  const auto &results = function_.result_variables, &parameters = function_.parameter_variables;
  auto result = std::ranges::find(results, operand.index), parameter = std::ranges::find(parameters, operand.index);
  if (result != results.end())
    return {Place::from_register, offset, result_register(static_cast<size_t>(result - results.begin()))};
  if (parameter == parameters.end()) return {};
  auto number = static_cast<size_t>(parameter - parameters.begin());
  if (!function_.is_entry) return {Place::from_register, offset, parameter_register(number)};
  return {Place::from_parameters, function_.parameter_offsets[number] + offset, 0};
}

bool FormMaker::rewrite_address(Operand& operand) {
  made_.form.key += " [";
  Place place{Place::number, static_cast<uint64_t>(operand.value), 0};
  if (operand.base_kind == Operand::reg) place = {Place::from_register, place.value, operand.index};
  if (operand.base_kind == Operand::symbol) place = place_of(operand);
  if (place.kind == Place::none) return false;
  operand.base_kind = Operand::none;
  operand.index = 0;
  operand.local = false;
  if (place.kind == Place::from_register) {
    operand.base_kind = Operand::reg;
    operand.index = give_register(place.base);
  } else if (place.kind == Place::from_parameters) {
    operand.base_kind = Operand::symbol;
    operand.local = true;
    made_.form.key += " parameters";
  }
  operand.value = give(place.value);
  for (Operand& element : operand.elements)
    if (!rewrite(element, true)) return false;
  made_.form.key += " ]";
  return true;
}

bool FormMaker::rewrite_symbol(Operand& operand) {
  Place place = place_of(operand);
  if (place.kind == Place::from_parameters) {
    operand.index = 0;
    operand.value = give(place.value);
    made_.form.key += " parameters";
    return true;
  }
  if (place.kind != Place::number) return false;
  operand = {};
  operand.kind = Operand::given;
  operand.index = give(place.value);
  made_.form.key += " i";
  return true;
}

bool FormMaker::rewrite(Operand& operand, bool literal) {
  std::string& key = made_.form.key;
  switch (operand.kind) {
    case Operand::reg:
      operand.index = give_register(operand.index);
      if (operand.negated) key += "!";
      if (operand.selector.width) {
        key += "." + std::to_string(operand.selector.width);
        for (int i = 0; i < operand.selector.count; ++i) key += "." + std::to_string(operand.selector.places[i]);
      }
      return true;
    case Operand::integer:
      if (literal) return key += " #" + std::to_string(operand.value), true;
      key += " i";
      operand.index = give(static_cast<uint64_t>(operand.value));
      operand.kind = Operand::given;
      return true;
    case Operand::real:
      key += operand.single ? " f" : " d";
      operand.index = give(static_cast<uint64_t>(operand.value));
      operand.kind = Operand::given;
      operand.base_kind = Operand::real;
      return true;
    case Operand::special_register: return key += " %" + std::to_string(static_cast<int>(operand.special)), true;
    case Operand::function:
      key += " i";
      operand.index = give(function_address(operand.index));
      operand.kind = Operand::given;
      return true;
    case Operand::symbol: return rewrite_symbol(operand);
    case Operand::address: return rewrite_address(operand);
    case Operand::vector:
      key += " {";
      for (Operand& element : operand.elements)
        if (!rewrite(element, literal)) return false;
      key += " }";
      return true;
    case Operand::none:
    case Operand::sink: return key += " _", true;
    default: return false;
  }
}

namespace {

// Emitter::registers_ counts registers alone: gives each its number among them, and what is given in their order.
void number_registers(Operand& operand, const std::vector<uint32_t>& numbers) {
  bool base = operand.kind == Operand::address && operand.base_kind == Operand::reg;
  if (operand.kind == Operand::reg || base) operand.index = numbers[operand.index];
  if (operand.kind == Operand::given) operand.index = numbers[operand.index];
  if (operand.kind == Operand::address || operand.kind == Operand::symbol)
    operand.value = numbers[static_cast<size_t>(operand.value)];
  for (Operand& element : operand.elements) number_registers(element, numbers);
}

}  // namespace

std::optional<FormMaker::Made> FormMaker::make(const ptx::Instruction& instruction) {
  if (contains(refused, instruction.opcode)) return std::nullopt;
  made_ = {};
  made_.form.instruction = simplified(instruction, function_);
  made_.form.instruction.guard = {};
  made_.form.instruction.line = 0;
  made_.form.key = ptx::word(instruction.opcode);
  for (const std::string& word : made_.form.instruction.modifiers.words) made_.form.key += "." + word;
  if (instruction.destinations > 1) made_.form.key += ":" + std::to_string(instruction.destinations);
  bool literal = !contains(numbers_are_data, instruction.opcode);
  for (Operand& operand : made_.form.instruction.operands)
    if (!rewrite(operand, literal)) return std::nullopt;
  std::vector<uint32_t> numbers;
  uint32_t registers = 0, others = static_cast<uint32_t>(made_.form.registers.size());
  for (const Given& given : made_.given) numbers.push_back(given.is_register ? registers++ : others++);
  std::vector<Given> ordered(made_.given.size());
  for (size_t i = 0; i < numbers.size(); ++i) ordered[numbers[i]] = made_.given[i];
  made_.given = std::move(ordered);
  for (Operand& operand : made_.form.instruction.operands) number_registers(operand, numbers);
  return std::move(made_);
}

}  // namespace software
