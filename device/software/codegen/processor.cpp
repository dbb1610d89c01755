#include "device/software/codegen/processor.h"

#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/Support/TargetSelect.h>

#include <cstdlib>
#include <string_view>

namespace software {
namespace {

namespace orc = llvm::orc;

// OUTBOARD_CPU names a processor as LLVM does (x86-64, x86-64-v3 ...) to compile for in place of this machine's own:
// for tests of the code that machines with shorter vectors get.
void choose_processor(orc::JITTargetMachineBuilder& machine) {
  const char* name = std::getenv("OUTBOARD_CPU");
  if (!name || std::string_view(name) == "native") return;
  machine.setCPU(name);
  machine.getFeatures() = llvm::SubtargetFeatures();
}

llvm::Expected<orc::JITTargetMachineBuilder> detect() {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto host = orc::JITTargetMachineBuilder::detectHost();
  if (!host) return host.takeError();
  choose_processor(*host);
  // Objects are placed anywhere, and kept on disk: nothing in them may depend on where.
  host->setRelocationModel(llvm::Reloc::PIC_);
  host->setCodeModel(llvm::CodeModel::Small);
  host->setCodeGenOptLevel(llvm::CodeGenOptLevel::Default);
  host->getOptions().EmitStackSizeSection = true;
  return host;
}

struct Host {
  std::optional<orc::JITTargetMachineBuilder> builder;
  std::string error, identity;
};

const Host& host() {
  static const Host found = [] {
    Host made;
    if (auto builder = detect()) {
      made.identity = builder->getTargetTriple().str() + " " + builder->getCPU() + " " +
                      builder->getFeatures().getString() + " LLVM " LLVM_VERSION_STRING;
      made.builder.emplace(std::move(*builder));
    } else {
      made.error = llvm::toString(builder.takeError());
    }
    return made;
  }();
  return found;
}

}  // namespace

base::Result<llvm::TargetMachine*> target_machine() {
  static thread_local std::unique_ptr<llvm::TargetMachine> mine;
  if (mine) return mine.get();
  if (!host().builder) return base::Error{"the JIT did not start: " + host().error};
  auto builder = *host().builder;
  auto made = builder.createTargetMachine();
  if (!made) return base::Error{llvm::toString(made.takeError())};
  mine = std::move(*made);
  return mine.get();
}

const std::string& processor_identity() { return host().identity; }

bool has_instructions(const char* name) {
  auto machine = target_machine();
  return machine && machine.value()->getTargetTriple().isX86() &&
         machine.value()->getMCSubtargetInfo()->checkFeatures("+" + std::string(name));
}

bool has_lane_masks() {
  static const bool has = has_instructions("avx512bw") && has_instructions("avx512vl");
  return has;
}

VectorRegisters vector_registers() {
  auto machine = target_machine();
  if (!machine || !machine.value()->getTargetTriple().isX86()) return {32, 16};
  if (has_instructions("avx512vl")) return {32, 64};
  return {16, has_instructions("avx2") ? 32u : 16u};
}

}  // namespace software
