// Textures (PTX ISA, "Texture Instructions"): operands go to memory lane by lane, and the texture unit
// (run/texture.cpp) samples the warp. Lanes that name different textures go in groups.
#include "device/software/codegen/texturing.h"

namespace software {

using llvm::Value;
using ptx::Opcode;
using ptx::Operand;
using ptx::Type;

namespace {

struct Named {
  const char* word;
  Geometry geometry;
  unsigned axes;  // coordinates without the layer
};
constexpr Named geometries[] = {{"1d", Geometry::d1, 1},      {"2d", Geometry::d2, 2},   {"3d", Geometry::d3, 3},
                                {"a1d", Geometry::a1d, 1},    {"a2d", Geometry::a2d, 2}, {"cube", Geometry::cube, 3},
                                {"acube", Geometry::acube, 3}};

constexpr struct {
  const char* word;
  TextureQuery query;
} queries[] = {{"width", TextureQuery::width},
               {"height", TextureQuery::height},
               {"depth", TextureQuery::depth},
               {"channel_data_type", TextureQuery::channel_data_type},
               {"channel_order", TextureQuery::channel_order},
               {"normalized_coords", TextureQuery::normalized_coords},
               {"array_size", TextureQuery::array_size},
               {"num_mipmap_levels", TextureQuery::num_mipmap_levels},
               {"num_samples", TextureQuery::num_samples},
               {"force_unnormalized_coords", TextureQuery::force_unnormalized_coords},
               {"filter_mode", TextureQuery::filter_mode},
               {"addr_mode_0", TextureQuery::addr_mode_0},
               {"addr_mode_1", TextureQuery::addr_mode_1},
               {"addr_mode_2", TextureQuery::addr_mode_2},
               {"memory_layout", TextureQuery::memory_layout}};

struct Sampling {
  Texturing unit;
  const ptx::Instruction& instruction;
  Emitter& emitter = unit.emitter;
  llvm::IRBuilder<>& ir = emitter.ir;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  const Operand& place = instruction.operands[instruction.destinations];  // [texture, sampler, {coordinates}]
  size_t next = instruction.destinations + 1u;                            // the operand behind it

  const Operand* following() { return next < instruction.operands.size() ? &instruction.operands[next++] : nullptr; }

  void put_gradients(unsigned axes) {
    for (unsigned which = 0; which < 2; ++which) {
      const Operand* vector = following();
      if (!vector) emitter.unsupported(instruction, "it has no gradients");
      for (unsigned i = 0; i < axes; ++i)
        unit.put(offsetof(TextureOperands, gradient) + sizeof(TextureOperands{}.gradient[0]) * which + lane_bytes * i,
                 unit.word(unit.element(*vector, i)));
    }
  }

  void put_offsets(const Operand& vector, unsigned axes) {
    for (unsigned i = 0; i < axes; ++i)
      unit.put(offsetof(TextureOperands, offset) + lane_bytes * i, unit.word(unit.element(vector, i)));
  }

  // Words in source order: the coordinates' type is the last one.
  TextureAction action(const Geometric& shape) {
    TextureAction made;
    made.geometry = shape.geometry;
    made.integer_coordinates = modifiers.types.back() == Type::s32;
    if (modifiers.has("level")) made.detail = Detail::level;
    if (modifiers.has("grad")) made.detail = Detail::gradient;
    if (instruction.opcode == Opcode::tld4)
      for (uint8_t i = 0; i < 4; ++i)
        if (modifiers.has(std::array{"r", "g", "b", "a"}[i])) made.gather = i + 1;
    return made;
  }

  void write_results() {
    const Operand& result = instruction.operands[0];
    Type type = modifiers.types.front();
    if (type == Type::f16x2) {
      for (unsigned i = 0; i < 2; ++i) {
        Value *low = unit.half(unit.texel(2 * i)), *high = unit.half(unit.texel(2 * i + 1));
        Value* word =
            ir.CreateOr(unit.widened(low, 32), ir.CreateShl(unit.widened(high, 32), emitter.like(unit.texel(0), 16)));
        emitter.write(unit.element(result, i), word, Type::b32);
      }
    } else {
      for (unsigned i = 0; i < 4; ++i) {
        if (result.kind == Operand::vector ? i >= result.elements.size() : i > 0) break;
        Value* word = unit.texel(i);
        emitter.write(unit.element(result, i), type == Type::f16 ? unit.half(word) : word,
                      type == Type::f16 ? Type::b16 : Type::b32);
      }
    }
    // Of a sparse texture: whether the texel is resident. There are no sparse ones here.
    if (instruction.destinations > 1) emitter.write(instruction.operands[1], ir.getTrue(), Type::pred);
  }

  void emit() {
    if (place.elements.empty()) emitter.unsupported(instruction, "it has no coordinates");
    if (modifiers.has("2dms") || modifiers.has("a2dms"))
      emitter.unsupported(instruction, "multi-sample textures do not exist in CUDA");
    Geometric shape = unit.geometry(instruction);
    TextureAction wanted = action(shape);
    bool cube = shape.geometry == Geometry::cube || shape.geometry == Geometry::acube;
    unit.put_coordinates(place.elements.back(), shape, instruction);
    if (wanted.detail == Detail::level) {
      const Operand* level = following();
      if (!level) emitter.unsupported(instruction, "it has no level");
      unit.put(offsetof(TextureOperands, lod), unit.word(*level));
    }
    if (wanted.detail == Detail::gradient && cube) emitter.unsupported(instruction, "gradients of cubemaps");
    if (wanted.detail == Detail::gradient) put_gradients(shape.axes);
    if (const Operand* offset = following()) {
      if (offset->kind != Operand::vector) emitter.unsupported(instruction, "depth comparison");
      if (cube) emitter.unsupported(instruction, "offsets in cubemaps");
      wanted.offset = true;
      put_offsets(*offset, shape.axes);
    }
    if (following()) emitter.unsupported(instruction, "depth comparison");
    Value* sampler = place.elements.size() > 1 ? emitter.handle(place.elements[0]) : ir.getInt64(0);
    unit.each_group(emitter.handle(place), sampler, [&](Value* lanes, Value* texture, Value* how) {
      emitter.hook("outboard_texture", ir.getVoidTy(),
                   {emitter.warp(), lanes, ir.getInt32(std::bit_cast<uint32_t>(wanted)), texture, how, unit.operands});
    });
    write_results();
  }
};

}  // namespace

Geometric Texturing::geometry(const ptx::Instruction& instruction) const {
  for (const Named& row : geometries)
    if (instruction.modifiers.has(row.word)) return {row.geometry, row.axes};
  emitter.unsupported(instruction);
}

const Operand& Texturing::element(const Operand& operand, unsigned index) {
  static const Operand nothing{};
  if (operand.kind != Operand::vector) return index == 0 ? operand : nothing;
  return index < operand.elements.size() ? operand.elements[index] : nothing;
}

Value* Texturing::word(const Operand& operand) { return emitter.splat(emitter.read(operand, Type::b32)); }

void Texturing::put(size_t offset, Value* value) {
  ir.CreateAlignedStore(value, ir.CreateConstGEP1_64(ir.getInt8Ty(), operands, offset), llvm::Align(64));
}

Value* Texturing::get(size_t offset, unsigned width) {
  auto* type = llvm::FixedVectorType::get(ir.getIntNTy(width), lanes);
  return ir.CreateAlignedLoad(type, ir.CreateConstGEP1_64(ir.getInt8Ty(), operands, offset), llvm::Align(64));
}

// PTX ISA: of an array, the index of the layer comes first.
void Texturing::put_coordinates(const Operand& vector, const Geometric& shape, const ptx::Instruction& instruction) {
  bool layered =
      shape.geometry == Geometry::a1d || shape.geometry == Geometry::a2d || shape.geometry == Geometry::acube;
  size_t given = vector.kind == Operand::vector ? vector.elements.size() : 1;
  if (given < shape.axes + layered) emitter.unsupported(instruction, "too few coordinates");
  if (layered) put(offsetof(TextureOperands, layer), word(element(vector, 0)));
  for (unsigned i = 0; i < shape.axes; ++i)
    put(offsetof(TextureOperands, coordinate) + lane_bytes * i, word(element(vector, i + layered)));
}

Value* Texturing::half(Value* word) {
  auto* halves = llvm::FixedVectorType::get(ir.getHalfTy(), lanes);
  return emitter.as_bits(ir.CreateFPTrunc(emitter.as_float(word, Type::f32), halves), 16);
}

Value* Texturing::widened(Value* value, unsigned width) {
  return ir.CreateZExtOrTrunc(value, value->getType()->getWithNewBitWidth(width));
}

void Texturing::each_group(Value* first, Value* second,
                           const std::function<void(Value* lanes, Value* first, Value* second)>& body) {
  if (!Emitter::varying(first) && !Emitter::varying(second)) return body(emitter.active(), first, second);
  auto* left = emitter.scratch(ir.getInt32Ty());
  auto* function = ir.GetInsertBlock()->getParent();
  auto* loop = llvm::BasicBlock::Create(ir.getContext(), "group", function);
  auto* after = llvm::BasicBlock::Create(ir.getContext(), "after", function);
  ir.CreateStore(emitter.active(), left);
  ir.CreateCondBr(ir.CreateICmpNE(emitter.active(), ir.getInt32(0)), loop, after);
  ir.SetInsertPoint(loop);
  auto* waiting = ir.CreateLoad(ir.getInt32Ty(), left);
  Value* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {waiting, ir.getTrue()});
  Value *one = emitter.element(first, lane), *other = emitter.element(second, lane), *same = waiting;
  for (auto [all, mine] : {std::pair{first, one}, std::pair{second, other}})
    if (Emitter::varying(all))
      same = ir.CreateAnd(same, ir.CreateBitCast(ir.CreateICmpEQ(all, emitter.splat(mine)), ir.getInt32Ty()));
  body(same, one, other);
  Value* rest = ir.CreateAnd(waiting, ir.CreateNot(same));
  ir.CreateStore(rest, left);
  ir.CreateCondBr(ir.CreateICmpNE(rest, ir.getInt32(0)), loop, after);
  ir.SetInsertPoint(after);
}

namespace {

void query(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const TextureQuery* wanted = nullptr;
  for (const auto& row : queries)
    if (instruction.modifiers.has(row.word)) wanted = &row.query;
  if (!wanted) emitter.unsupported(instruction);
  Value* object = emitter.handle(instruction.operands[1]);
  Value* level = ir.getInt32(0);
  if (instruction.operands.size() > 2) level = emitter.read(instruction.operands[2], Type::b32);
  auto ask = [&](Value* lanes, Value* handle, Value* of) {
    return emitter.hook("outboard_texture_query", ir.getInt32Ty(),
                        {emitter.warp(), lanes, ir.getInt32(static_cast<uint32_t>(*wanted)), handle, of});
  };
  if (!Emitter::varying(object) && !Emitter::varying(level))
    return emitter.write(instruction.operands[0], ask(emitter.active(), object, level), Type::b32);
  auto* results = emitter.scratch(llvm::FixedVectorType::get(ir.getInt32Ty(), lanes));
  emitter.each_active_lane([&](Value* lane) {
    Value* one = ask(ir.CreateShl(ir.getInt32(1), lane), emitter.element(object, lane), emitter.element(level, lane));
    ir.CreateStore(one, ir.CreateGEP(ir.getInt32Ty(), results, lane));
  });
  emitter.write(instruction.operands[0], ir.CreateLoad(results->getAllocatedType(), results), Type::b32);
}

void is_type(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& words = instruction.modifiers.words;
  uint32_t wanted = words[0] == "texref"       ? Texture::texture
                    : words[0] == "samplerref" ? Texture::sampler_alone
                                               : Texture::surface;
  Value* object = emitter.handle(instruction.operands[1]);
  auto test = [&](Value* handle) {
    Value* kind = emitter.hook("outboard_texture_kind", ir.getInt32Ty(), {handle});
    return ir.CreateICmpEQ(kind, ir.getInt32(wanted + 1));
  };
  if (!Emitter::varying(object)) return emitter.write(instruction.operands[0], test(object), Type::pred);
  auto* flags = llvm::FixedVectorType::get(ir.getInt8Ty(), lanes);
  auto* results = emitter.scratch(flags);
  emitter.each_active_lane([&](Value* lane) {
    Value* one = ir.CreateZExt(test(emitter.element(object, lane)), ir.getInt8Ty());
    ir.CreateStore(one, ir.CreateGEP(ir.getInt8Ty(), results, lane));
  });
  Value* loaded = ir.CreateLoad(flags, results);
  emitter.write(instruction.operands[0], ir.CreateICmpNE(loaded, llvm::Constant::getNullValue(flags)), Type::pred);
}

}  // namespace

void require(const Emitter& emitter, const ptx::Instruction& instruction, size_t operands, size_t types) {
  bool given = instruction.operands.size() >= operands && instruction.modifiers.types.size() >= types;
  if (!given) emitter.unsupported(instruction, "too few operands");
}

bool emit_texture(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::tex:
    case Opcode::tld4:
      require(emitter, instruction, instruction.destinations + 1u, 2);
      Sampling{{emitter, emitter.texture_operands()}, instruction}.emit();
      return true;
    case Opcode::txq:
    case Opcode::suq:
      require(emitter, instruction, 2, 0);
      query(emitter, instruction);
      return true;
    case Opcode::istypep:
      require(emitter, instruction, 2, 0);
      is_type(emitter, instruction);
      return true;
    default: return false;
  }
}

}  // namespace software
