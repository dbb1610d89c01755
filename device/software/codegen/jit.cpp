#include "device/software/codegen/jit.h"

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ObjectTransformLayer.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/DataExtractor.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>

#include <cstdlib>
#include <string_view>

#include "device/software/codegen/dump.h"
#include "device/software/codegen/masks.h"
#include "device/software/run/texture.h"
#include "device/software/run/warp.h"

namespace software {
namespace {

namespace orc = llvm::orc;

struct Compiler {
  std::unique_ptr<orc::LLJIT> jit;
  std::unique_ptr<orc::JITTargetMachineBuilder> machine;
  std::string error;
};

std::string text_of(llvm::Error error) { return llvm::toString(std::move(error)); }

// What the object that this thread compiled last says in its .stack_sizes section (LLVM, "Emitting function stack
// size information"): per function an address and the bytes of its frame.
thread_local uint64_t last_stack_bytes = 0;

uint64_t frames_in(llvm::MemoryBufferRef buffer) {
  auto object = llvm::object::ObjectFile::createObjectFile(buffer);
  if (!object) return llvm::consumeError(object.takeError()), 0;
  uint64_t total = 0;
  for (const auto& section : (*object)->sections()) {
    auto name = section.getName();
    auto content = section.getContents();
    if (!name || !content) {
      if (!name) llvm::consumeError(name.takeError());
      if (!content) llvm::consumeError(content.takeError());
      continue;
    }
    if (*name != ".stack_sizes") continue;
    llvm::DataExtractor data(*content, true, 8);
    llvm::DataExtractor::Cursor at(0);
    while (at && at.tell() < content->size()) {
      data.getAddress(at);
      total += data.getULEB128(at);
    }
    llvm::consumeError(at.takeError());
  }
  return total;
}

void define_hooks(orc::LLJIT& jit) {
  orc::SymbolMap symbols;
  auto add = [&](const char* name, auto* function) {
    symbols[jit.mangleAndIntern(name)] = {orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported};
  };
  add("outboard_barrier", outboard_barrier);
  add("outboard_barrier_arrive", outboard_barrier_arrive);
  add("outboard_barrier_reduce", outboard_barrier_reduce);
  add("outboard_yield", outboard_yield);
  add("outboard_pause", outboard_pause);
  add("outboard_cluster_arrive", outboard_cluster_arrive);
  add("outboard_cluster_wait", outboard_cluster_wait);
  add("outboard_mbarrier_init", outboard_mbarrier_init);
  add("outboard_mbarrier_arrive", outboard_mbarrier_arrive);
  add("outboard_mbarrier_expect", outboard_mbarrier_expect);
  add("outboard_mbarrier_complete", outboard_mbarrier_complete);
  add("outboard_mbarrier_parity", outboard_mbarrier_parity);
  add("outboard_bulk_copy", outboard_bulk_copy);
  add("outboard_bulk_reduce", outboard_bulk_reduce);
  add("outboard_tensor_copy", outboard_tensor_copy);
  add("outboard_tensor_replace", outboard_tensor_replace);
  add("outboard_try_cancel", outboard_try_cancel);
  add("outboard_warpgroup_wait", outboard_warpgroup_wait);
  add("outboard_printf", outboard_printf);
  add("outboard_assert", outboard_assert);
  add("outboard_trap", outboard_trap);
  add("outboard_misaligned", outboard_misaligned);
  add("outboard_load_rarely", outboard_load_rarely);
  add("outboard_store_rarely", outboard_store_rarely);
  add("outboard_gather", outboard_gather);
  add("outboard_scatter", outboard_scatter);
  add("outboard_malloc", outboard_malloc);
  add("outboard_free", outboard_free);
  add("outboard_round", outboard_round);
  add("outboard_texture", outboard_texture);
  add("outboard_surface", outboard_surface);
  add("outboard_texture_query", outboard_texture_query);
  add("outboard_texture_kind", outboard_texture_kind);
  add("outboard_swap_128", outboard_swap_128);
  add("outboard_clock", outboard_clock);
  add("outboard_globaltimer", outboard_globaltimer);
  llvm::cantFail(jit.getMainJITDylib().define(orc::absoluteSymbols(std::move(symbols))));
}

// OUTBOARD_CPU names a processor as LLVM does (x86-64, x86-64-v3 ...) to compile for in place of this machine's own:
// for tests of the code that machines with shorter vectors get.
void choose_processor(orc::JITTargetMachineBuilder& machine) {
  const char* name = std::getenv("OUTBOARD_CPU");
  if (!name || std::string_view(name) == "native") return;
  machine.setCPU(name);
  machine.getFeatures() = llvm::SubtargetFeatures();
}

Compiler* make_compiler() {
  auto* made = new Compiler;  // lives as long as the process: worker threads may still run its code at exit
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto host = orc::JITTargetMachineBuilder::detectHost();
  if (!host) return made->error = text_of(host.takeError()), made;
  choose_processor(*host);
  host->setCodeGenOptLevel(llvm::CodeGenOptLevel::Default);
  host->getOptions().EmitStackSizeSection = true;
  made->machine = std::make_unique<orc::JITTargetMachineBuilder>(*host);
  auto jit = orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*host)).create();
  if (!jit) return made->error = text_of(jit.takeError()), made;
  made->jit = std::move(*jit);
  define_hooks(*made->jit);
  made->jit->getObjTransformLayer().setTransform([](std::unique_ptr<llvm::MemoryBuffer> buffer) {
    last_stack_bytes = frames_in(buffer->getMemBufferRef());
    dump(buffer->getMemBufferRef());
    return llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>(std::move(buffer));
  });
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(made->jit->getDataLayout().getGlobalPrefix());
  if (!process) return made->error = text_of(process.takeError()), made;
  made->jit->getMainJITDylib().addGenerator(std::move(*process));  // libm
  return made;
}

void optimise(llvm::Module& module, llvm::TargetMachine* machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopUnrolling = false;  // the vectors are ours already
  llvm::PassBuilder builder(machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1).run(module, modules);
}

Compiler* the_compiler() {
  static Compiler* compiler = make_compiler();
  return compiler;
}

}  // namespace

bool has_instructions(const char* name) {
  static const std::unique_ptr<llvm::TargetMachine> machine = [] {
    std::unique_ptr<llvm::TargetMachine> none;
    if (!the_compiler()->machine) return none;
    auto made = the_compiler()->machine->createTargetMachine();
    if (!made) return llvm::consumeError(made.takeError()), std::move(none);
    return std::move(*made);
  }();
  return machine && machine->getTargetTriple().isX86() &&
         machine->getMCSubtargetInfo()->checkFeatures("+" + std::string(name));
}

bool has_lane_masks() {
  static const bool has = has_instructions("avx512bw") && has_instructions("avx512vl");
  return has;
}

base::Result<Callable> make_callable(orc::ThreadSafeModule module, const std::string& symbol) {
  Compiler* compiler = the_compiler();
  if (!compiler->error.empty()) return base::Error{"the JIT did not start: " + compiler->error};
  auto machine = compiler->machine->createTargetMachine();
  if (!machine) return base::Error{text_of(machine.takeError())};
  std::string broken;
  module.withModuleDo([&](llvm::Module& body) {
    llvm::raw_string_ostream text(broken);
    body.setDataLayout(compiler->jit->getDataLayout());
    body.setTargetTriple((*machine)->getTargetTriple().str());
    if (!llvm::verifyModule(body, &text)) {
      broken.clear();
      optimise(body, machine->get());
      pin_masks(body);
      dump(body);
    } else if (broken.empty()) {
      broken = "unknown";
    }
  });
  if (!broken.empty()) return base::Error{"generated code is not valid: " + broken.substr(0, 400)};
  if (auto error = compiler->jit->addIRModule(std::move(module))) return base::Error{text_of(std::move(error))};
  last_stack_bytes = 0;
  auto address = compiler->jit->lookup(symbol);
  if (!address) return base::Error{text_of(address.takeError())};
  return Callable{address->toPtr<void*>(), last_stack_bytes};
}

}  // namespace software
