// A shared function gets the lanes' addresses and values in memory: void(where to note the addresses, addresses,
// values, mask). It uses general registers alone and keeps all others, so that a call costs its caller no vector
// registers.
#include "device/software/codegen/one_by_one.h"

#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/TargetParser/Triple.h>

#include <cstddef>
#include <map>

#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::Align;
using llvm::BasicBlock;
using llvm::FixedVectorType;
using llvm::IntrinsicInst;
using llvm::Value;

struct Access {
  IntrinsicInst* call;
  bool is_store, scattered;  // scattered: every lane has an address, else the first has
  FixedVectorType* type;
  Value *addresses, *mask, *value;  // value: what is stored, or what inactive lanes get
};

// The access that the intrinsic is, if the processor cannot do it as one.
bool needs_sharing(IntrinsicInst& call, const llvm::TargetTransformInfo& processor, Access& access) {
  auto vector = [](Value* value) { return llvm::dyn_cast<FixedVectorType>(value->getType()); };
  Align one(1);
  switch (call.getIntrinsicID()) {
    case llvm::Intrinsic::masked_gather:
      access = {&call, false, true, vector(&call), call.getArgOperand(0), call.getArgOperand(2), call.getArgOperand(3)};
      return !processor.isLegalMaskedGather(access.type, one) || processor.forceScalarizeMaskedGather(access.type, one);
    case llvm::Intrinsic::masked_load:
      access = {
          &call, false, false, vector(&call), call.getArgOperand(0), call.getArgOperand(2), call.getArgOperand(3)};
      return !processor.isLegalMaskedLoad(access.type, one);
    case llvm::Intrinsic::masked_scatter: {
      Value* stored = call.getArgOperand(0);
      access = {&call, true, true, vector(stored), call.getArgOperand(1), call.getArgOperand(3), stored};
      return !processor.isLegalMaskedScatter(access.type, one) ||
             processor.forceScalarizeMaskedScatter(access.type, one);
    }
    case llvm::Intrinsic::masked_store: {
      Value* stored = call.getArgOperand(0);
      access = {&call, true, false, vector(stored), call.getArgOperand(1), call.getArgOperand(3), stored};
      return !processor.isLegalMaskedStore(access.type, one);
    }
    default: return false;
  }
}

// Writes one shared function.
class Writing {
 public:
  Writing(llvm::Function* function, const Access& access) : ir(function->getContext()), function_(function) {
    lanes_ = access.type->getNumElements();
    // Floats travel as integers: the vector registers stay the caller's.
    element_ = ir.getIntNTy(access.type->getScalarSizeInBits());
    is_store_ = access.is_store;
    scattered_ = access.scattered;
    function->setLinkage(llvm::GlobalValue::InternalLinkage);
    function->addFnAttr("frame-pointer", "all");
    function->addFnAttr(llvm::Attribute::NoUnwind);
    function->addFnAttr(llvm::Attribute::NoInline);
  }

  void write() {
    auto block = [&](const char* name) { return BasicBlock::Create(ir.getContext(), name, function_); };
    BasicBlock *entry = block("entry"), *all = block("all"), *some = block("some"), *lane = block("lane"),
               *end = block("end");
    Value *mask = function_->getArg(3),
          *everyone = llvm::ConstantInt::get(ir.getInt64Ty(), ~uint64_t{0} >> (64 - lanes_));
    ir.SetInsertPoint(entry);
    if (scattered_) {  // for whoever must say which thread an access that faults belongs to
      ir.CreateStore(function_->getArg(1), function_->getArg(0));
    }
    ir.CreateCondBr(ir.CreateICmpEQ(mask, everyone), all, some);

    ir.SetInsertPoint(all);
    for (unsigned i = 0; i < lanes_; ++i) move(ir.getInt64(i));
    ir.CreateBr(end);

    ir.SetInsertPoint(some);
    ir.CreateCondBr(ir.CreateICmpEQ(mask, ir.getInt64(0)), end, lane);

    ir.SetInsertPoint(lane);
    auto* left = ir.CreatePHI(ir.getInt64Ty(), 2);
    left->addIncoming(mask, some);
    move(ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt64Ty()}, {left, ir.getTrue()}));
    Value* rest = ir.CreateAnd(left, ir.CreateSub(left, ir.getInt64(1)));
    left->addIncoming(rest, lane);
    ir.CreateCondBr(ir.CreateICmpEQ(rest, ir.getInt64(0)), end, lane);
    ir.SetInsertPoint(end);
    ir.CreateRetVoid();
  }

 private:
  void move(Value* lane) {
    Value* address = function_->getArg(1);
    if (scattered_)
      address = ir.CreateLoad(ir.getPtrTy(), ir.CreateGEP(ir.getPtrTy(), address, lane));
    else
      address = ir.CreateGEP(element_, address, lane);
    Value* value = ir.CreateGEP(element_, function_->getArg(2), lane);
    Value *from = is_store_ ? value : address, *to = is_store_ ? address : value;
    ir.CreateAlignedStore(ir.CreateAlignedLoad(element_, from, Align(1)), to, Align(1));
  }

  llvm::IRBuilder<> ir;
  llvm::Function* function_;
  unsigned lanes_;
  llvm::Type* element_;
  bool is_store_, scattered_;
};

llvm::Function* shared_function(llvm::Module& module, const Access& access, llvm::CallingConv::ID convention,
                                const std::string& features) {
  std::string name = std::string(lane_access_prefix) + (access.is_store ? "store." : "load.") +
                     (access.scattered ? "scattered." : "row.") + std::to_string(access.type->getNumElements()) + "." +
                     std::to_string(access.type->getScalarSizeInBits());
  if (auto* made = module.getFunction(name)) return made;
  auto& context = module.getContext();
  llvm::Type *pointer = llvm::PointerType::get(context, 0), *mask = llvm::Type::getInt64Ty(context);
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer, pointer, mask}, false);
  auto* made = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, module);
  made->setCallingConv(convention);
  // LLVM 19 ends a function that used long vectors with vzeroupper, even where they are the caller's (PreserveAll).
  if (convention == llvm::CallingConv::PreserveAll) made->addFnAttr("target-features", features + ",-vzeroupper");
  Writing(made, access).write();
  return made;
}

// One function's accesses; what goes through memory has one place per type, since it lives from store to call only.
class Sharing {
 public:
  Sharing(llvm::Function& function, std::string features) : function_(function), features_(std::move(features)) {
    bool x86 = llvm::Triple(function.getParent()->getTargetTriple()).isX86();
    convention_ = x86 ? llvm::CallingConv::PreserveAll : llvm::CallingConv::C;
  }

  void replace(const Access& access) {
    llvm::IRBuilder<> ir(access.call);
    Value* values = place(access.type);
    if (!llvm::isa<llvm::UndefValue>(access.value)) ir.CreateStore(access.value, values);
    Value* addresses = access.addresses;
    if (access.scattered) {
      addresses = place(llvm::cast<FixedVectorType>(access.addresses->getType()));
      ir.CreateStore(access.addresses, addresses);
    }
    unsigned lanes = access.type->getNumElements();
    Value* mask = ir.CreateZExt(ir.CreateBitCast(access.mask, ir.getIntNTy(lanes)), ir.getInt64Ty());
    llvm::Function* callee = shared_function(*function_.getParent(), access, convention_, features_);
    ir.CreateCall(callee, {note(), addresses, values, mask})->setCallingConv(convention_);
    if (!access.is_store) access.call->replaceAllUsesWith(ir.CreateLoad(access.type, values));
    access.call->eraseFromParent();
  }

 private:
  // Warp::addresses, or nowhere in particular where the optimiser found that the function needs no Warp.
  Value* note() {
    if (note_) return note_;
    llvm::IRBuilder<> ir(&function_.getEntryBlock(), function_.getEntryBlock().begin());
    for (llvm::Argument& argument : function_.args())
      if (function_.getAttributes().hasParamAttr(argument.getArgNo(), warp_attribute))
        return note_ = ir.CreateConstInBoundsGEP1_64(ir.getInt8Ty(), &argument, offsetof(Warp, addresses));
    return note_ = ir.CreateAlloca(ir.getPtrTy());
  }

  Value* place(FixedVectorType* type) {
    Value*& made = places_[type];
    if (made) return made;
    llvm::IRBuilder<> ir(&function_.getEntryBlock(), function_.getEntryBlock().begin());
    return made = ir.CreateAlloca(type);
  }

  llvm::Function& function_;
  const std::string features_;  // the processor's
  llvm::CallingConv::ID convention_;
  Value* note_ = nullptr;
  std::map<llvm::Type*, Value*> places_;
};

}  // namespace

void share_lane_accesses(llvm::Module& module, llvm::TargetMachine& machine) {
  std::vector<llvm::Function*> functions;
  for (llvm::Function& function : module)
    if (!function.isDeclaration()) functions.push_back(&function);
  for (llvm::Function* function : functions) {
    llvm::TargetTransformInfo processor = machine.getTargetTransformInfo(*function);
    Sharing sharing(*function, machine.getTargetFeatureString().str());
    for (llvm::Instruction& instruction : llvm::make_early_inc_range(llvm::instructions(*function))) {
      Access access;
      auto* call = llvm::dyn_cast<IntrinsicInst>(&instruction);
      if (call && needs_sharing(*call, processor, access)) sharing.replace(access);
    }
  }
}

}  // namespace software
