// What operands name besides plain registers: vectors of registers, parts of registers, special registers that are 0.
#include <algorithm>
#include <string>

#include "device/software/ptx/parsing.h"

namespace ptx {

// Counters, the environment that a driver may set, and the memory that a system reserves: there is none here.
bool is_always_zero(std::string_view text) {
  static constexpr std::string_view names[] = {"%current_graph_exec",       "%reserved_smem_offset_begin",
                                               "%reserved_smem_offset_end", "%reserved_smem_offset_cap",
                                               "%reserved_smem_offset_0",   "%reserved_smem_offset_1"};
  if (std::find(std::begin(names), std::end(names), text) != std::end(names)) return true;
  auto numbered = [&](std::string_view name, std::string_view end, unsigned count) {
    if (!text.starts_with(name) || !text.ends_with(end) || text.size() <= name.size() + end.size()) return false;
    std::string digits(text.substr(name.size(), text.size() - name.size() - end.size()));
    bool number = std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    return number && digits.size() <= 2 && std::stoul(digits) < count;
  };
  return numbered("%envreg", "", 32) || numbered("%pm", "_64", 8) || numbered("%pm", "", 8);
}

// v, or one of its elements: v.x, v.b
Operand Parsing::vector_register(const Symbol& symbol) {
  Operand result;
  result.kind = Operand::vector;
  for (uint32_t i = 0; i < symbol.lanes; ++i) {
    Operand element;
    element.kind = Operand::reg;
    element.local = true;
    element.index = symbol.index + i;
    result.elements.push_back(element);
  }
  if (token_.kind != Token::dot) return result;
  size_t at = token_.text.size() == 1 ? std::string_view("xyzwrgba").find(token_.text[0]) : std::string_view::npos;
  if (at == std::string_view::npos || at % 4 >= symbol.lanes)
    fail("no element '." + std::string(token_.text) + "' of a vector");
  else
    result = result.elements[at % 4];
  advance();
  return result;
}

// .b3, .h10, .b7654: the places of parts, the highest lane's first.
void Parsing::selector(Operand& operand) {
  std::string_view text = token_.text;
  bool bytes = text.starts_with('b'), halves = text.starts_with('h');
  size_t count = text.size() - 1;
  char last = bytes ? '7' : '3';
  bool digits = std::all_of(text.begin() + 1, text.end(), [&](char c) { return c >= '0' && c <= last; });
  if ((!bytes && !halves) || !digits || count == 0 || count > (bytes ? 4u : 2u))
    return fail("unknown selector '." + std::string(text) + "'");
  operand.selector.width = bytes ? 8 : 16;
  operand.selector.count = static_cast<uint8_t>(count);
  for (size_t i = 0; i < count; ++i) operand.selector.places[i] = static_cast<uint8_t>(text[count - i] - '0');
  advance();
}

}  // namespace ptx
