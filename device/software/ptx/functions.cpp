// Kernels and functions of PTX: linkage, parameters and their layout, performance directives.
#include "device/software/ptx/parsing.h"

namespace ptx {

// (.param .b32 a, .reg .u32 b)
std::vector<Variable> Parsing::parameters() {
  std::vector<Variable> all;
  expect('(');
  while (!failed_ && !token_.is(')')) {
    Variable variable;
    unsigned alignment = 0;
    while (token_.kind == Token::dot) {
      if (accept_dot("align"))
        alignment = static_cast<unsigned>(integer());
      else if (accept_dot("ptr"))
        pointer_attributes();
      else if (Type type = type_named(token_.text); type != Type::none)
        take_type(variable, type);
      else if (Space space = space_named(token_.text); space != Space::none)
        variable.space = space, advance();
      else
        fail("unknown word '." + std::string(token_.text) + "' in a parameter");
    }
    variable.name = name();
    uint64_t element = (bits(variable.type) + 7) / 8;
    variable.size = dimensions(element);
    variable.alignment = alignment ? alignment : static_cast<uint32_t>(element);
    all.push_back(std::move(variable));
    if (!accept(',')) break;
  }
  expect(')');
  return all;
}

// PTX ISA, "Kernel Function Parameters": natural C layout, in order.
void Parsing::lay_out(Function& function) {
  uint64_t offset = 0;
  for (const Variable& parameter : function.parameters) {
    uint64_t alignment = parameter.alignment ? parameter.alignment : 1;
    offset = (offset + alignment - 1) / alignment * alignment;
    function.parameter_offsets.push_back(static_cast<uint32_t>(offset));
    offset += parameter.size;
  }
  if (offset > 32764) fail("more than 32,764 bytes of parameters");
  function.parameter_bytes = static_cast<uint32_t>(offset);
}

void Parsing::function(const Linkage& linkage) {
  Function function;
  function.line = token_.line;
  const char* begin = token_.text.data();
  function.is_entry = token_.is_dot("entry");
  function.is_extern = linkage.is_extern;
  function.visible = linkage.visible;
  function.weak = linkage.weak;
  advance();
  if (token_.is_dot("attribute")) skip_attribute();
  if (!function.is_entry && token_.is('(')) function.results = parameters();
  function.name = name();
  if (token_.is('(')) function.parameters = parameters();
  lay_out(function);
  performance(function);
  uint32_t index = reserve(function);
  if (accept(';') || failed_) return;
  expect('{');
  if (module_.functions[index].defined) return fail("'" + function.name + "' is defined twice");
  body(function);
  if (failed_) return;
  std::string_view text(begin, static_cast<size_t>(token_.text.data() - begin));
  function.text = text.substr(0, text.rfind('}') + 1);
  function.defined = true;
  module_.functions[index] = std::move(function);
}

void Parsing::skip_attribute() {
  advance();
  while (!failed_ && token_.kind != Token::end && !token_.is(')')) advance();
  expect(')');
}

// The function's place in the module; a declaration seen before keeps its index.
uint32_t Parsing::reserve(const Function& function) {
  auto [entry, added] = module_names_.try_emplace(
      function.name, Symbol{Operand::function, static_cast<uint32_t>(module_.functions.size())});
  if (entry->second.kind != Operand::function) {
    fail("'" + function.name + "' is a variable already");
    return 0;
  }
  if (added) module_.functions.push_back(function);
  return entry->second.index;
}

void Parsing::triple(uint32_t (&numbers)[3]) {
  for (uint32_t& number : numbers) number = 1;
  for (int i = 0; i < 3; ++i) {
    numbers[i] = static_cast<uint32_t>(integer());
    if (!accept(',')) return;
  }
}

void Parsing::performance(Function& function) {
  while (token_.kind == Token::dot && !failed_) {
    if (accept_dot("maxntid"))
      triple(function.maxntid);
    else if (accept_dot("reqntid"))
      triple(function.reqntid);
    else if (accept_dot("reqnctapercluster"))
      triple(function.reqnctapercluster);
    else if (accept_dot("minnctapersm"))
      function.minnctapersm = static_cast<uint32_t>(integer());
    else if (accept_dot("maxnreg"))
      function.maxnreg = static_cast<uint32_t>(integer());
    else if (accept_dot("maxclusterrank") || accept_dot("maxnctapersm") || accept_dot("abi_preserve") ||
             accept_dot("abi_preserve_control"))
      integer();
    else if (accept_dot("noreturn"))
      function.noreturn = true;
    else if (accept_dot("explicitcluster"))
      function.explicit_cluster = true;
    else if (accept_dot("blocksareclusters"))
      fail("'.blocksareclusters' is not supported: a grid is given in blocks");
    else if (accept_dot("pragma")) {
      do advance();
      while (accept(','));
      expect(';');
    } else
      fail("unknown directive '." + std::string(token_.text) + "' of a function");
  }
}

}  // namespace ptx
