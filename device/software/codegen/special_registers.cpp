// What special registers hold (PTX ISA, "Special Registers").
#include <cstddef>

#include "device/software/codegen/emitter.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::FixedVectorType;
using ptx::Special;

Emitter::Value* Emitter::thread_index(unsigned axis) {
  if (grouping_.threads) {
    auto which = static_cast<Special>(static_cast<unsigned>(Special::tid_x) + axis);
    Linear value = special_rows(which);
    Shape shape = shape_of(which, grouping_);
    return shape.kind == Shape::linear ? materialised(value, shape) : value.base;
  }
  auto size = [&](unsigned i) { return splat(launch_field(offsetof(Launch, block) + 4 * i, ir.getInt32Ty())); };
  Value* linear = ir.CreateAdd(lane_numbers(), splat(warp_field(offsetof(Warp, first_thread), ir.getInt32Ty())));
  // At most 1024 threads: (n + 1/2) / size in float never rounds across an integer, and vectors divide floats only.
  llvm::Type* real = FixedVectorType::get(ir.getFloatTy(), lanes);
  auto quotient = [&](Value* number, Value* by) {
    Value* middle = ir.CreateFAdd(ir.CreateUIToFP(number, real), llvm::ConstantFP::get(real, 0.5));
    return ir.CreateFPToUI(ir.CreateFDiv(middle, ir.CreateUIToFP(by, real)), number->getType());
  };
  Value* rows = quotient(linear, size(0));
  if (axis == 0) return ir.CreateSub(linear, ir.CreateMul(rows, size(0)));
  Value* planes = quotient(rows, size(1));
  return axis == 1 ? ir.CreateSub(rows, ir.CreateMul(planes, size(1))) : planes;
}

Emitter::Value* Emitter::special(Special special) {
  auto axis = [&](Special first) { return static_cast<unsigned>(special) - static_cast<unsigned>(first); };
  auto within = [&](Special first) { return special >= first && axis(first) < 3; };
  if (within(Special::tid_x)) return thread_index(axis(Special::tid_x));
  if (within(Special::ntid_x))
    return launch_field(offsetof(Launch, block) + 4 * axis(Special::ntid_x), ir.getInt32Ty());
  if (within(Special::ctaid_x))
    return warp_field(offsetof(Warp, block_index) + 4 * axis(Special::ctaid_x), ir.getInt32Ty());
  if (within(Special::nctaid_x))
    return launch_field(offsetof(Launch, grid) + 4 * axis(Special::nctaid_x), ir.getInt32Ty());
  if (special >= Special::clusterid_x && special <= Special::cluster_nctarank) return cluster_register(special);
  Value* lane = lane_numbers();
  Value* bit = ir.CreateShl(splat(ir.getInt32(1)), lane);
  Value* below = ir.CreateSub(bit, splat(ir.getInt32(1)));
  switch (special) {
    case Special::laneid: return lane;
    case Special::warpid: return warp_field(offsetof(Warp, warp_index), ir.getInt32Ty());
    case Special::nwarpid: return launch_field(offsetof(Launch, warps), ir.getInt32Ty());
    case Special::smid: return warp_field(offsetof(Warp, worker), ir.getInt32Ty());
    case Special::nsmid: return launch_field(offsetof(Launch, processors), ir.getInt32Ty());
    case Special::zero: return ir.getInt64(0);
    case Special::is_explicit_cluster: {
      Value* given = launch_field(offsetof(Launch, explicit_cluster), ir.getInt32Ty());
      return ir.CreateICmpNE(given, ir.getInt32(0));
    }
    case Special::gridid: return launch_field(offsetof(Launch, grid_id), ir.getInt64Ty());
    case Special::lanemask_eq: return bit;
    case Special::lanemask_lt: return below;
    case Special::lanemask_le: return ir.CreateOr(below, bit);
    case Special::lanemask_gt: return ir.CreateNot(ir.CreateOr(below, bit));
    case Special::lanemask_ge: return ir.CreateNot(below);
    case Special::clock:
    case Special::clock64: return hook("outboard_clock", ir.getInt64Ty(), {});
    case Special::clock_hi: return ir.CreateLShr(hook("outboard_clock", ir.getInt64Ty(), {}), 32);
    case Special::globaltimer:
    case Special::globaltimer_lo: return hook("outboard_globaltimer", ir.getInt64Ty(), {});
    case Special::globaltimer_hi: return ir.CreateLShr(hook("outboard_globaltimer", ir.getInt64Ty(), {}), 32);
    case Special::dynamic_smem_size: return launch_field(offsetof(Launch, dynamic_shared), ir.getInt32Ty());
    case Special::total_smem_size:
    case Special::aggr_smem_size: return launch_field(offsetof(Launch, total_shared), ir.getInt32Ty());
    case Special::envreg1: return ir.CreateLShr(launch_field(offsetof(Launch, grid_workspace), ir.getInt64Ty()), 32);
    case Special::envreg2: return launch_field(offsetof(Launch, grid_workspace), ir.getInt64Ty());
    case Special::warp_size: return ir.getInt32(warp_size);
    default: throw Unsupported{function.line, "unsupported special register"};
  }
}

}  // namespace software
