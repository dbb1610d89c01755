// The module level of PTX: directives and variables. Functions are functions.cpp's, their statements statements.cpp's.
#include "device/software/ptx/parser.h"

#include <bit>

#include "device/software/ptx/parsing.h"

namespace ptx {

void Parsing::fail(std::string text) {
  if (failed_) return;
  failed_ = true;
  error_ = {token_.line, std::move(text)};
  token_ = {};  // nothing more is read
}

void Parsing::advance() {
  if (!failed_) token_ = lexer_.next();
}

bool Parsing::accept(char c) {
  if (!token_.is(c)) return false;
  advance();
  return true;
}

bool Parsing::accept_dot(std::string_view name) {
  if (!token_.is_dot(name)) return false;
  advance();
  return true;
}

void Parsing::expect(char c) {
  if (!accept(c)) fail(std::string("expected '") + c + "' before '" + std::string(token_.text) + "'");
}

std::string Parsing::name() {
  std::string text(token_.text);
  if (token_.kind != Token::word) fail("expected a name before '" + text + "'");
  advance();
  return text;
}

bool Parsing::run() {
  advance();
  while (!failed_ && token_.kind != Token::end) directive();
  if (module_.version_major == 0) fail("no .version directive: this is not PTX");
  return !failed_;
}

void Parsing::skip_line() {
  uint32_t line = token_.line;
  while (token_.line == line && token_.kind != Token::end) advance();
}

void Parsing::directive() {
  if (token_.kind != Token::dot) return fail("expected a directive before '" + std::string(token_.text) + "'");
  if (token_.text == "file" || token_.text == "loc") return skip_line();
  if (accept_dot("version")) return version();
  if (accept_dot("target")) {
    module_.target = name();
    while (accept(',')) name();
    return;
  }
  if (accept_dot("address_size")) return void(module_.address_size = static_cast<int>(integer()));
  if (accept_dot("section")) return skip_section();
  if (accept_dot("alias")) return alias();
  Linkage linkage = linking();
  if (token_.is_dot("entry") || token_.is_dot("func")) return function(linkage);
  Space space = token_.kind == Token::dot ? space_named(token_.text) : Space::none;
  if (space == Space::none) return fail("unknown directive '." + std::string(token_.text) + "'");
  advance();
  for (Variable& variable : variables(space, linkage)) declare(std::move(variable));
}

// .version 9.0: the lexer reads one decimal number.
void Parsing::version() {
  std::string text(token_.text);
  size_t point = text.find('.');
  if (token_.kind != Token::real || point == std::string::npos) return fail("expected a version such as 8.4");
  module_.version_major = std::atoi(text.c_str());
  module_.version_minor = std::atoi(text.c_str() + point + 1);
  advance();
}

// .alias name, function; the name is declared already, the function defined (PTX ISA, ".alias").
void Parsing::alias() {
  auto named = [&] {
    std::string text = name();
    auto found = module_names_.find(text);
    bool known = found != module_names_.end() && found->second.kind == Operand::function;
    if (!known) fail("'" + text + "' is no function");
    return known ? found->second.index : 0;
  };
  uint32_t to = named();
  expect(',');
  uint32_t from = named();
  expect(';');
  if (failed_) return;
  if (!module_.functions[from].defined)
    return fail("an alias of '" + module_.functions[from].name + "', which is not defined");
  std::string kept = module_.functions[to].name;
  module_.functions[to] = module_.functions[from];
  module_.functions[to].name = kept;
}

// Debug information: balanced braces.
void Parsing::skip_section() {
  while (!token_.is('{') && token_.kind != Token::end) advance();
  int depth = 0;
  do {
    depth += token_.is('{') - token_.is('}');
    advance();
  } while (depth && token_.kind != Token::end);
  if (depth) fail("a section that does not end");
}

Parsing::Linkage Parsing::linking() {
  Linkage linkage;
  for (;;) {
    if (accept_dot("visible"))
      linkage.visible = true;
    else if (accept_dot("extern"))
      linkage.is_extern = true;
    else if (accept_dot("weak") || accept_dot("common"))
      linkage.weak = true;
    else
      return linkage;
  }
}

// A definition completes an earlier declaration of the same name.
void Parsing::declare(Variable variable) {
  int32_t earlier = module_.find_variable(variable.name);
  if (earlier < 0) {
    module_names_[variable.name] = {Operand::symbol, static_cast<uint32_t>(module_.variables.size())};
    module_.variables.push_back(std::move(variable));
  } else if (module_.variables[earlier].is_extern) {
    module_.variables[earlier] = std::move(variable);
  } else if (!variable.is_extern) {
    fail("'" + variable.name + "' is defined twice");
  }
}

// After the space: .align N .v2 .type name[N] = {...}, name, ...
std::vector<Variable> Parsing::variables(Space space, const Linkage& linkage) {
  Variable model;
  model.space = space;
  model.is_extern = linkage.is_extern;
  model.visible = linkage.visible;
  model.weak = linkage.weak;
  unsigned alignment = 0, lanes = 1;
  bool typed = false;
  while (token_.kind == Token::dot) {
    if (accept_dot("align"))
      alignment = static_cast<unsigned>(integer());
    else if (accept_dot("attribute"))
      attributes(model);
    else if (accept_dot("ptr"))
      pointer_attributes();
    else if (token_.text == "v2" || token_.text == "v4")
      lanes = token_.text == "v2" ? 2 : 4, advance();
    else if (Type type = type_named(token_.text); type != Type::none)
      take_type(model, type), typed = true;
    else
      fail("unknown word '." + std::string(token_.text) + "' in a declaration");
  }
  if (!typed) fail("a variable without a type");
  uint64_t element = (bits(model.type) + 7) / 8 * lanes;
  model.alignment = alignment ? alignment : static_cast<uint32_t>(element);
  std::vector<Variable> all;
  do {
    Variable variable = model;
    variable.name = name();
    variable.size = dimensions(element);
    if (accept('=')) variable.opaque.empty() ? initialiser(variable) : properties(variable);
    all.push_back(std::move(variable));
  } while (accept(',') && !failed_);
  expect(';');
  return all;
}

void Parsing::take_type(Variable& variable, Type type) {
  variable.type = type;
  if (type == Type::opaque) variable.opaque = token_.text;
  advance();
}

// {addr_mode_0 = clamp_to_border, filter_mode = nearest}: PTX ISA, "Texture Sampler and Surface Types".
void Parsing::properties(Variable& variable) {
  expect('{');
  do {
    std::string property = name();
    expect('=');
    if (token_.kind == Token::integer) {
      variable.properties.emplace_back(property, std::to_string(integer()));
    } else {
      variable.properties.emplace_back(property, name());
    }
  } while (!failed_ && accept(','));
  expect('}');
}

void Parsing::attributes(Variable& variable) {
  expect('(');
  while (!failed_ && !token_.is(')')) {
    variable.managed |= token_.is_dot("managed");
    advance();
  }
  expect(')');
}

// .ptr .global .align 8: speaks of what a parameter points at, not of the parameter.
void Parsing::pointer_attributes() {
  if (token_.kind == Token::dot && space_named(token_.text) != Space::none) advance();
  if (accept_dot("align")) integer();
}

// [4][8], or [] of an extern array or of one whose initialiser gives the size.
uint64_t Parsing::dimensions(uint64_t element) {
  uint64_t size = element;
  while (accept('[')) {
    uint64_t count = token_.is(']') ? 0 : integer();
    if (count && size > (uint64_t{1} << 40) / count) fail("an array larger than any memory");
    size *= count;
    expect(']');
  }
  return size;
}

// {1, 2, {3}}, 0f3F800000, name, generic(name)+8
void Parsing::initialiser(Variable& variable) {
  int depth = 0;
  do {
    while (accept('{'))
      if (++depth > 64) return fail("an initialiser nested too deeply");
    if (!token_.is('}')) initial_value(variable);
    while (depth && accept('}')) --depth;
  } while (!failed_ && depth && accept(','));
  if (depth) expect('}');
  if (variable.size == 0) variable.size = variable.initial.size();
  if (variable.initial.size() > variable.size) fail("more initial values than '" + variable.name + "' has room for");
}

void Parsing::initial_value(Variable& variable) {
  unsigned size = (bits(variable.type) + 7) / 8;
  if (token_.kind == Token::word) return relocation(variable, size);
  Constant made = expression();
  if (token_.is('(')) return fail("an initial value that is some bytes of an address");
  uint64_t value = made.value;
  if (made.real && made.single && variable.type == Type::f64)
    value = std::bit_cast<uint64_t>(static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(value))));
  if (made.real && !made.single && variable.type == Type::f32)
    value = std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(value)));
  for (unsigned i = 0; i < size; ++i) variable.initial.push_back(i < 8 ? static_cast<uint8_t>(value >> (8 * i)) : 0);
}

void Parsing::relocation(Variable& variable, unsigned size) {
  bool generic = token_.text == "generic";
  std::string symbol = name();
  if (generic) {
    expect('(');
    symbol = name();
    expect(')');
  }
  int64_t addend = accept('+') ? static_cast<int64_t>(integer()) : 0;
  auto found = module_names_.find(symbol);
  if (found == module_names_.end()) return fail("'" + symbol + "' is not declared");
  variable.relocations.push_back({variable.initial.size(), found->second.kind == Operand::function, found->second.index,
                                  addend, static_cast<uint8_t>(size)});
  variable.initial.resize(variable.initial.size() + size);
}

bool parse(std::string_view text, Module& module, Error& error) { return Parsing(text, module, error).run(); }

}  // namespace ptx
