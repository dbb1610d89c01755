// What textures and surfaces have in common when they are emitted: operands in memory, groups of lanes that name the
// same object.
#pragma once
#include <llvm/IR/Intrinsics.h>

#include <array>
#include <bit>
#include <cstddef>
#include <functional>

#include "device/software/codegen/emitter.h"
#include "device/software/run/texture.h"

namespace software {

constexpr size_t lane_bytes = sizeof(uint32_t) * lanes;

struct Geometric {
  Geometry geometry;
  unsigned axes;  // coordinates without the layer
};

struct Texturing {
  using Value = llvm::Value;

  Emitter& emitter;
  Value* operands;  // TextureOperands
  llvm::IRBuilder<>& ir = emitter.ir;

  Geometric geometry(const ptx::Instruction& instruction) const;
  // Of a vector operand; a lone one counts as a vector of one, and what is missing is 0.
  static const ptx::Operand& element(const ptx::Operand& operand, unsigned index);
  Value* word(const ptx::Operand& operand);  // <32 x i32>
  void put(size_t offset, Value* value);     // offset: of a member of TextureOperands
  Value* get(size_t offset, unsigned width);
  void put_coordinates(const ptx::Operand& vector, const Geometric& shape, const ptx::Instruction& instruction);
  Value* texel(unsigned component) { return get(offsetof(TextureOperands, texel) + lane_bytes * component, 32); }
  Value* half(Value* word);  // the float that a word holds, as the bits of a half
  Value* widened(Value* value, unsigned width);
  // The body for every group of active lanes that agree on both values; once, where the warp agrees.
  void each_group(Value* first, Value* second,
                  const std::function<void(Value* lanes, Value* first, Value* second)>& body);
};

// Refuses an instruction with fewer operands or types.
void require(const Emitter& emitter, const ptx::Instruction& instruction, size_t operands, size_t types);

}  // namespace software
