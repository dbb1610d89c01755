// Every kernel is a library of its own to the JIT linker, so that all may use the same few names.
#include "device/software/codegen/loader.h"

#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>

#include <algorithm>
#include <atomic>

#include "device/software/codegen/source_line.h"
#include "device/software/run/code_map.h"
#include "device/software/run/texture.h"
#include "device/software/run/warp.h"

#if defined(__x86_64__)
// What compiled code calls for halves where the processor cannot convert them (libgcc, which hides them from others).
extern "C" {
void __extendhfsf2();
void __truncsfhf2();
void __truncdfhf2();
}
#endif

namespace software {
namespace {

namespace orc = llvm::orc;

struct Linker {
  std::unique_ptr<orc::LLJIT> jit;
  std::string error;
};

std::string text_of(llvm::Error error) { return llvm::toString(std::move(error)); }

void define_hooks(orc::LLJIT& jit) {
  orc::SymbolMap symbols;
  auto add = [&](const char* name, auto* function) {
    symbols[jit.mangleAndIntern(name)] = {orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported};
  };
  add("outboard_barrier", outboard_barrier);
  add("outboard_barrier_arrive", outboard_barrier_arrive);
  add("outboard_barrier_reduce", outboard_barrier_reduce);
  add("outboard_yield", outboard_yield);
  add("outboard_printf", outboard_printf);
  add("outboard_assert", outboard_assert);
  add("outboard_trap", outboard_trap);
  add("outboard_misaligned", outboard_misaligned);
  add("outboard_malloc", outboard_malloc);
  add("outboard_free", outboard_free);
  add("outboard_round", outboard_round);
  add("outboard_clock", outboard_clock);
  add("outboard_globaltimer", outboard_globaltimer);
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
  add("outboard_load_rarely", outboard_load_rarely);
  add("outboard_store_rarely", outboard_store_rarely);
  add("outboard_check_access", outboard_check_access);
  add("outboard_check_range", outboard_check_range);
  add("outboard_check_meeting", outboard_check_meeting);
  add("outboard_check_fence", outboard_check_fence);
  add("outboard_gather", outboard_gather);
  add("outboard_scatter", outboard_scatter);
  add("outboard_texture", outboard_texture);
  add("outboard_surface", outboard_surface);
  add("outboard_texture_query", outboard_texture_query);
  add("outboard_texture_kind", outboard_texture_kind);
  add("outboard_swap_128", outboard_swap_128);
#if defined(__x86_64__)
  add("__extendhfsf2", __extendhfsf2);
  add("__truncsfhf2", __truncsfhf2);
  add("__truncdfhf2", __truncdfhf2);
#endif
  llvm::cantFail(jit.getMainJITDylib().define(orc::absoluteSymbols(std::move(symbols))));
}

Linker* make_linker() {
  auto* made = new Linker;  // lives as long as the process: worker threads may still run its code at exit
  auto jit = orc::LLJITBuilder().create();
  if (!jit) return made->error = text_of(jit.takeError()), made;
  made->jit = std::move(*jit);
  define_hooks(*made->jit);
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(made->jit->getDataLayout().getGlobalPrefix());
  if (!process) return made->error = text_of(process.takeError()), made;
  made->jit->getMainJITDylib().addGenerator(std::move(*process));  // libm
  return made;
}

Linker& linker() {
  static Linker* made = make_linker();
  return *made;
}

base::Result<orc::JITDylib*> load_object(const std::string& object) {
  static std::atomic<uint64_t> serial{0};
  if (!linker().error.empty()) return base::Error{"the JIT did not start: " + linker().error};
  orc::LLJIT& jit = *linker().jit;
  auto library = jit.createJITDylib("kernel." + std::to_string(++serial));
  if (!library) return base::Error{text_of(library.takeError())};
  library->addToLinkOrder(jit.getMainJITDylib());
  auto bytes = llvm::MemoryBuffer::getMemBufferCopy(object, "kernel");
  if (auto error = jit.addObjectFile(*library, std::move(bytes))) return base::Error{text_of(std::move(error))};
  return &*library;
}

// What can be said about a place in a kernel's code; made when it is loaded, asked when it faults.
class LoadedKernel : public KernelCode {
 public:
  LoadedKernel(uint64_t begin, const MachineCode& code, Origin origin)
      : KernelCode(begin, begin + code.text_bytes),
        lines_(code.lines),
        shared_(code.shared_functions),
        origin_(std::move(origin)) {}

  bool is_shared(uint64_t address) const override {
    return std::ranges::any_of(shared_,
                               [&](auto& range) { return address - begin - range.first < range.second - range.first; });
  }

  std::string line(uint64_t address) const override {
    auto behind = std::ranges::upper_bound(lines_, address - begin, {}, &MachineCode::Line::offset);
    if (behind == lines_.begin() || std::prev(behind)->line == MachineCode::unknown_line) return {};
    const MachineCode::Line& found = *std::prev(behind);
    return line_name(*origin_.texts, found.text, origin_.line + static_cast<uint32_t>(found.line));
  }

 private:
  const std::vector<MachineCode::Line> lines_;
  const std::vector<std::pair<uint32_t, uint32_t>> shared_;
  const Origin origin_;
};

}  // namespace

base::Result<std::vector<void*>> load_functions(const std::string& object, std::span<const std::string> names) {
  orc::JITDylib* library = TRY(load_object(object));
  std::vector<void*> found;
  for (const std::string& name : names) {
    auto place = linker().jit->lookup(*library, name);
    if (!place) return base::Error{text_of(place.takeError())};
    found.push_back(place->toPtr<void*>());
  }
  return found;
}

base::Result<void*> load_machine_code(const MachineCode& code, uint64_t variables, Origin origin) {
  orc::JITDylib* library = TRY(load_object(code.object));
  orc::LLJIT& jit = *linker().jit;
  auto entry = jit.lookup(*library, kernel_symbol);
  if (!entry) return base::Error{text_of(entry.takeError())};
  auto cell = jit.lookup(*library, variables_symbol);
  if (!cell) return base::Error{text_of(cell.takeError())};
  *cell->toPtr<uint64_t*>() = variables;
  register_code(new LoadedKernel(entry->getValue() - code.entry_offset, code, std::move(origin)));  // for good
  return entry->toPtr<void*>();
}

}  // namespace software
