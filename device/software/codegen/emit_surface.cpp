// Surfaces (PTX ISA, "Surface Instructions"): suld, sust and sured, done by run/surface.cpp for a whole warp.
#include "device/software/codegen/texturing.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Opcode;
using ptx::Operand;
using ptx::Type;

struct SurfaceAccess {
  Texturing unit;
  const ptx::Instruction& instruction;
  Emitter& emitter = unit.emitter;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type type = modifiers.type;

  bool formatted() const { return modifiers.has("p"); }

  SurfaceAction::What what() const {
    switch (instruction.opcode) {
      case Opcode::suld: return SurfaceAction::load;
      case Opcode::sust: return formatted() ? SurfaceAction::store_formatted : SurfaceAction::store;
      default: return formatted() ? SurfaceAction::reduce_formatted : SurfaceAction::reduce;
    }
  }

  SurfaceAction::Reduction reduction() const {
    const std::string& operation = modifiers.operation;
    return operation == "min"   ? SurfaceAction::smallest
           : operation == "max" ? SurfaceAction::largest
           : operation == "and" ? SurfaceAction::bits_and
           : operation == "or"  ? SurfaceAction::bits_or
                                : SurfaceAction::add;
  }

  SurfaceAction action(const Geometric& shape) const {
    SurfaceAction made;
    made.geometry = shape.geometry;
    made.what = what();
    made.outside = modifiers.has("zero")    ? SurfaceAction::zero
                   : modifiers.has("clamp") ? SurfaceAction::clamp
                                            : SurfaceAction::trap;
    made.bytes = static_cast<uint8_t>(ptx::bits(type) / 8);
    made.count = modifiers.vector;
    made.reduction = reduction();
    made.is_signed = ptx::is_signed(type);
    return made;
  }

  size_t slot(unsigned component) const { return offsetof(TextureOperands, value) + 2 * lane_bytes * component; }

  void put_values(const Operand& source) {
    for (unsigned i = 0; i < modifiers.vector; ++i) {
      Value* value = emitter.splat(emitter.read(unit.element(source, i), type));
      unit.put(slot(i), unit.widened(value, 64));
    }
  }

  void emit() {
    Geometric shape = unit.geometry(instruction);
    if (formatted() && instruction.opcode == Opcode::suld) emitter.unsupported(instruction);
    SurfaceAction wanted = action(shape);
    const Operand& place = instruction.operands[instruction.destinations];
    if (place.elements.empty()) emitter.unsupported(instruction, "it has no coordinates");
    unit.put_coordinates(place.elements.back(), shape, instruction);
    if (instruction.opcode != Opcode::suld) put_values(instruction.operands.back());
    Value* none = emitter.ir.getInt64(0);
    unit.each_group(emitter.handle(place), none, [&](Value* lanes, Value* surface, Value*) {
      emitter.hook(
          "outboard_surface", emitter.ir.getVoidTy(),
          {emitter.warp(), lanes, emitter.ir.getInt32(std::bit_cast<uint32_t>(wanted)), surface, unit.operands});
    });
    if (instruction.opcode != Opcode::suld) return;
    for (unsigned i = 0; i < modifiers.vector; ++i)
      emitter.write(unit.element(instruction.operands[0], i), unit.widened(unit.get(slot(i), 64), ptx::bits(type)),
                    type);
  }
};

}  // namespace

bool emit_surface(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::suld:
    case Opcode::sust:
    case Opcode::sured:
      require(emitter, instruction, 2, 1);
      SurfaceAccess{{emitter, emitter.texture_operands()}, instruction}.emit();
      return true;
    default: return false;
  }
}

}  // namespace software
