// Calls: of functions of the module, through registers, and of what the run time provides.
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/emitter.h"

namespace software {

using llvm::BasicBlock;

// The callee's view of a call: see Emitter::declare.
std::vector<Emitter::Value*> Emitter::call_arguments(const Instruction& instruction, Value* mask) {
  std::vector<Value*> arguments{warp_, mask, stack_end(), ir.getInt64(frame_bytes())};
  auto pass = [&](const Operand& operand) {
    bool variable = operand.kind == Operand::symbol && operand.local && in_frame(operand.index);
    if (!variable) unsupported(instruction, "an argument that is no .param variable");
    arguments.push_back(ir.CreateAdd(frame_, ir.getInt64(layout_of_frame_.local[operand.index])));
  };
  for (const Operand& result : instruction.results) pass(result);
  for (const Operand& argument : instruction.arguments) pass(argument);
  return arguments;
}

void Emitter::emit_call(const Instruction& instruction) {
  const Operand& callee = instruction.operands.at(0);
  if (callee.kind == Operand::reg) return emit_indirect_call(instruction, callee);
  if (callee.kind != Operand::function) unsupported(instruction, "a call of what is no function");
  const ptx::Function& called = source.functions[callee.index];
  if (!called.defined) return emit_system_call(instruction, called.name);
  auto* made = target_->getParent()->getFunction("ptx." + called.name);
  auto arguments = call_arguments(instruction, active());
  if (arguments.size() != made->arg_size()) unsupported(instruction, "a call with other parameters than its function");
  ir.CreateCall(made, arguments);
}

// Could this call be one of that function? By number and size of what goes in and comes out, as the callee sees it.
bool Emitter::fits(const Instruction& instruction, const ptx::Function& called) const {
  auto same = [&](const std::vector<Operand>& given, const std::vector<ptx::Variable>& declared) {
    if (given.size() != declared.size()) return false;
    for (size_t i = 0; i < given.size(); ++i)
      if (given[i].kind != Operand::symbol || !given[i].local ||
          function.variables[given[i].index].size != declared[i].size)
        return false;
    return true;
  };
  return same(instruction.results, called.results) && same(instruction.arguments, called.parameters);
}

// Lanes that call the same function go together; the address is looked up among the functions that have one.
void Emitter::emit_indirect_call(const Instruction& instruction, const Operand& callee) {
  Value* address = read(callee, ptx::Type::b64);
  auto block = [&](const char* name) { return BasicBlock::Create(ir.getContext(), name, target_); };
  BasicBlock *loop = block("call"), *nowhere = block("nowhere"), *called = block("called"), *after = block("after");
  auto* left = scratch(ir.getInt32Ty());
  ir.CreateStore(active(), left);
  ir.CreateBr(loop);
  ir.SetInsertPoint(loop);
  Value* mask = ir.CreateLoad(ir.getInt32Ty(), left);
  Value* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {mask, ir.getTrue()});
  Value *one = element(address, lane), *together = mask;
  if (varying(address)) together = ir.CreateAnd(mask, mask_of(ir.CreateICmpEQ(address, splat(one))));
  auto arguments = call_arguments(instruction, together);
  auto* choice = ir.CreateSwitch(one, nowhere);
  for (uint32_t index : placement_.pointed_at) {
    const ptx::Function& candidate = source.functions[index];
    if (!fits(instruction, candidate)) continue;
    auto* here = block("candidate");
    choice->addCase(ir.getInt64(function_address(index)), here);
    ir.SetInsertPoint(here);
    ir.CreateCall(target_->getParent()->getFunction("ptx." + candidate.name), arguments);
    ir.CreateBr(called);
  }
  ir.SetInsertPoint(nowhere);
  hook("outboard_trap", ir.getVoidTy(),
       {warp_, lane, ir.CreateGlobalString("a call to an address where no function is")});
  ir.CreateUnreachable();
  ir.SetInsertPoint(called);
  Value* rest = ir.CreateAnd(mask, ir.CreateNot(together));
  ir.CreateStore(rest, left);
  ir.CreateCondBr(ir.CreateICmpNE(rest, ir.getInt32(0)), loop, after);
  ir.SetInsertPoint(after);
}

// vprintf, malloc, free and __assertfail (CUDA Programming Guide, "System calls" of the PTX interoperability guide),
// and of the device runtime what needs no launch from the device.
void Emitter::emit_system_call(const Instruction& instruction, const std::string& name) {
  each_active_lane([&](Value* lane) {
    auto place = [&](const Operand& operand) {
      Value* offset = ir.CreateMul(ir.CreateZExt(lane, ir.getInt64Ty()), ir.getInt64(frame_bytes()));
      return ir.CreateIntToPtr(
          ir.CreateAdd(ir.CreateAdd(frame_, ir.getInt64(layout_of_frame_.local[operand.index])), offset),
          ir.getPtrTy());
    };
    auto argument = [&](size_t i, llvm::Type* type) { return ir.CreateLoad(type, place(instruction.arguments.at(i))); };
    auto result = [&](Value* value) {
      if (!instruction.results.empty()) ir.CreateStore(value, place(instruction.results[0]));
    };
    if (name == "vprintf") {
      result(hook("outboard_printf", ir.getInt32Ty(),
                  {warp_, lane, argument(0, ir.getPtrTy()), argument(1, ir.getPtrTy())}));
    } else if (name == "malloc") {
      result(hook("outboard_malloc", ir.getInt64Ty(), {warp_, argument(0, ir.getInt64Ty())}));
    } else if (name == "free") {
      hook("outboard_free", ir.getVoidTy(), {warp_, argument(0, ir.getPtrTy())});
    } else if (name == "__assertfail") {
      hook("outboard_assert", ir.getVoidTy(),
           {warp_, lane, argument(0, ir.getPtrTy()), argument(1, ir.getPtrTy()), argument(2, ir.getInt32Ty()),
            argument(3, ir.getPtrTy())});
    } else if (name == "cudaGraphSetConditional") {
      // The handle is the address of the condition's value (client/cuda/graph/conditional.cpp).
      ir.CreateStore(argument(1, ir.getInt32Ty()), argument(0, ir.getPtrTy()));
    } else {
      unsupported(instruction, ("no function " + name).c_str());
    }
  });
}

bool is_system_call(const std::string& name) {
  return name == "vprintf" || name == "malloc" || name == "free" || name == "__assertfail" ||
         name == "cudaGraphSetConditional";
}

}  // namespace software
