// Look-ups of the PTX data model: sizes of types, words of opcodes, names in a module.
#include "device/software/ptx/ast.h"

#include <algorithm>
#include <cstddef>

namespace ptx {

unsigned bits(Type type) {
  switch (type) {
    case Type::none: return 0;
    case Type::pred:
    case Type::b1: return 1;
    case Type::s4:
    case Type::u4:
    case Type::e2m1: return 4;
    case Type::e2m3:
    case Type::e3m2: return 6;
    case Type::ue8m0:
    case Type::ue4m3:
    case Type::b8:
    case Type::u8:
    case Type::s8:
    case Type::e4m3:
    case Type::e5m2:
    case Type::e2m1x2: return 8;
    case Type::b16:
    case Type::u16:
    case Type::s16:
    case Type::f16:
    case Type::bf16:
    case Type::e4m3x2:
    case Type::e5m2x2:
    case Type::e2m1x4:
    case Type::e2m3x2:
    case Type::e3m2x2:
    case Type::ue8m0x2: return 16;
    case Type::b32:
    case Type::u32:
    case Type::s32:
    case Type::f32:
    case Type::tf32:
    case Type::f16x2:
    case Type::bf16x2:
    case Type::e4m3x4:
    case Type::e5m2x4:
    case Type::e2m3x4:
    case Type::e3m2x4:
    case Type::u16x2:
    case Type::s16x2: return 32;
    case Type::b64:
    case Type::u64:
    case Type::s64:
    case Type::f64:
    case Type::f32x2: return 64;
    case Type::opaque: return 64;  // held as a handle
    case Type::b128: return 128;
  }
  return 0;
}

bool is_float(Type type) {
  switch (type) {
    case Type::f16:
    case Type::f16x2:
    case Type::bf16:
    case Type::bf16x2:
    case Type::f32:
    case Type::f32x2:
    case Type::f64:
    case Type::tf32:
    case Type::e4m3:
    case Type::e5m2:
    case Type::e2m1:
    case Type::e2m3:
    case Type::e3m2:
    case Type::ue8m0:
    case Type::ue4m3:
    case Type::e4m3x2:
    case Type::e5m2x2:
    case Type::e4m3x4:
    case Type::e5m2x4:
    case Type::e2m1x2:
    case Type::e2m1x4:
    case Type::e2m3x2:
    case Type::e2m3x4:
    case Type::e3m2x2:
    case Type::e3m2x4:
    case Type::ue8m0x2: return true;
    default: return false;
  }
}

bool is_signed(Type type) {
  switch (type) {
    case Type::s4:
    case Type::s8:
    case Type::s16:
    case Type::s32:
    case Type::s64:
    case Type::s16x2: return true;
    default: return false;
  }
}

const char* word(Opcode opcode) {
  static constexpr const char* words[] = {
#define INSTRUCTION(name, word, operands) word,
#include "device/software/ptx/instructions.def"
  };
  return opcode < Opcode::count ? words[static_cast<size_t>(opcode)] : "?";
}

unsigned fewest_operands(Opcode opcode) {
  static constexpr uint8_t counts[] = {
#define INSTRUCTION(name, word, operands) operands,
#include "device/software/ptx/instructions.def"
  };
  return opcode < Opcode::count ? counts[static_cast<size_t>(opcode)] : 0;
}

bool Modifiers::has(const char* modifier) const {
  return std::find(words.begin(), words.end(), modifier) != words.end();
}

int32_t Module::find_function(const std::string& name) const {
  for (size_t i = 0; i < functions.size(); ++i)
    if (functions[i].name == name) return static_cast<int32_t>(i);
  return -1;
}

int32_t Module::find_variable(const std::string& name) const {
  for (size_t i = 0; i < variables.size(); ++i)
    if (variables[i].name == name) return static_cast<int32_t>(i);
  return -1;
}

}  // namespace ptx
