#include "device/software/codegen/tiers.h"

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <shared_mutex>
#include <string_view>

#include "base/log.h"
#include "device/software/baseline/translate.h"
#include "device/software/baseline/walk.h"
#include "device/software/codegen/background.h"
#include "device/software/codegen/kernel_cache.h"
#include "device/software/codegen/kernel_key.h"
#include "device/software/codegen/loader.h"
#include "device/software/codegen/source_line.h"
#include "device/software/codegen/translation.h"

namespace software {
namespace {

enum class Tiers { both, eager, baseline, compiled };

constexpr uint64_t eager_worth = 1000;

Tiers allowed_tiers() {
  const char* name = std::getenv("OUTBOARD_TIERS");
  std::string_view word = name ? name : "";
  if (word == "baseline") return Tiers::baseline;
  if (word == "compiled") return Tiers::compiled;
  return word == "eager" ? Tiers::eager : Tiers::both;
}

const ptx::Function& kernel_of(const KernelSource& source) { return source.module->functions[source.functions[0]]; }

// What happened to a kernel, for the log.
class Report {
 public:
  Report(const char* what, const KernelSource& source) : what_(what), source_(source) {}

  void say(std::string key = "", size_t bytes = 0) const {
    if (!base::logs(base::Level::debug)) return;
    std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start_;
    base::log(base::Level::debug, what_,
              {{"kernel", kernel_of(source_).name},
               {"milliseconds", std::to_string(taken.count())},
               {"instructions", std::to_string(kernel_of(source_).body.size())},
               {"bytes", std::to_string(bytes)},
               {"key", std::move(key)}});
  }

 private:
  const char* what_;
  const KernelSource& source_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

base::Result<void*> place_code(const KernelSource& source, const MachineCode& code) {
  return load_machine_code(code, source.variables_at, {source.texts, kernel_of(source).line});
}

base::Result<Entry> load(const KernelSource& source, const MachineCode& code) {
  void* place = TRY(place_code(source, code));
  return Entry{reinterpret_cast<KernelEntry>(place),
               code.local_bytes,
               code.staging,
               code.kept_bytes,
               code.lanes,
               code.stack_bytes};
}

std::string key_of(const KernelSource& source) {
  return KernelCache::users().on() ? kernel_key(*source.module, source.functions, source.placement, source.grouping)
                                   : "";
}

// Kept on disk, too.
base::Result<MachineCode> translate_and_keep(const KernelSource& source, const std::string& key) {
  MachineCode code = TRY(translate(*source.module, source.functions, source.placement, source.grouping));
  if (!key.empty()) KernelCache::users().write(key, code.pack());
  return code;
}

base::Result<Entry> compile_now(const KernelSource& source, const std::string& key) {
  Report report("kernel compiled", source);
  std::shared_lock compiling(compiler_in_use());
  MachineCode code = TRY(translate_and_keep(source, key));
  Entry entry = TRY(load(source, code));
  report.say(key, code.text_bytes);
  return entry;
}

class ReadyKernel : public TieredKernel {
 public:
  explicit ReadyKernel(Entry entry) : entry_(entry) {}
  Entry entry() const override { return entry_; }

 private:
  const Entry entry_;
};

class SteppedKernel : public TieredKernel, public KernelSteps, public std::enable_shared_from_this<SteppedKernel> {
 public:
  SteppedKernel(KernelSource source, std::string key, Tiers tiers)
      : source_(std::move(source)), key_(std::move(key)), tiers_(tiers) {}

  base::Status prepare() {
    Report report("kernel made into steps", source_);
    TRY(translate_to_steps(*source_.module, source_.functions, source_.placement, source_.variables_at, *this));
    local_bytes = static_cast<uint32_t>(software::local_bytes(*source_.module, source_.functions, source_.placement));
    if (tiers_ == Tiers::eager) worth = eager_worth;
    report.say();
    return base::Done{};
  }

  Entry entry() const override {
    std::lock_guard hold(lock_);
    if (ready_.code) return ready_;
    return {run_steps, local_bytes, Staging::none, 0, warp_size, 0, const_cast<SteppedKernel*>(this)};
  }

  void wanted() override {
    if (tiers_ == Tiers::baseline) return;
    auto kernel = shared_from_this();
    compile_in_background([kernel] { return packed(translate_and_keep(kernel->source_, kernel->key_)); },
                          [kernel](const std::string& bytes) { kernel->take(bytes); });
  }

  void resumption_wanted() override {
    if (tiers_ == Tiers::baseline) return;
    auto kernel = shared_from_this();
    compile_in_background([kernel] { return packed(kernel->translate_way_on()); },
                          [kernel](const std::string& bytes) { kernel->take_resumption(bytes); });
  }

  std::string place(const KernelStep& step) const override { return line_name(*source_.texts, step.text, step.line); }

 private:
  // Blocks that are under way have the stacks of a kernel of steps: larger frames are for later launches.
  static constexpr uint64_t most_stack_under_way = 64 << 10;

  static std::string packed(const base::Result<MachineCode>& code) { return code ? code.value().pack() : ""; }

  base::Result<MachineCode> translate_way_on() const {
    return translate_resumption(*source_.module, source_.functions, source_.placement, *functions[0]);
  }

  void take(const std::string& bytes) {
    Report report("kernel compiled meanwhile", source_);
    auto code = MachineCode::unpack(bytes);
    auto entry = code ? load(source_, *code) : base::Result<Entry>(base::Error{"it could not be compiled"});
    if (!entry)
      return base::log(base::Level::warn, "kernel stays as steps, which are slower",
                       {{"kernel", kernel_of(source_).name}, {"reason", entry.error()}});
    // Nor can they go over to stages or to fewer lanes: for those there is the resumption.
    bool alike = code->staging != Staging::several && code->lanes == warp_size;
    if (alike && code->stack_bytes <= most_stack_under_way)
      compiled.store(entry.value().code, std::memory_order_release);
    report.say(key_, code->text_bytes);
    std::lock_guard hold(lock_);
    ready_ = entry.value();
    made.store(true, std::memory_order_relaxed);
  }

  void take_resumption(const std::string& bytes) {
    Report report("kernel compiled to go on from its steps", source_);
    auto code = MachineCode::unpack(bytes);
    if (!code || code->stack_bytes > most_stack_under_way) return;
    auto place = place_code(source_, *code);
    if (!place) return;
    resumption.store(reinterpret_cast<Resumption>(place.value()), std::memory_order_release);
    report.say("", code->text_bytes);
  }

  const KernelSource source_;
  const std::string key_;
  const Tiers tiers_;
  mutable std::mutex lock_;
  Entry ready_;  // once its code is there
};

}  // namespace

base::Result<std::shared_ptr<TieredKernel>> make_kernel(KernelSource source) {
  std::string key = key_of(source);
  const Tiers tiers = allowed_tiers();
  if (auto kept = key.empty() ? std::nullopt : KernelCache::users().read(key)) {
    Report report("kernel loaded from disk", source);
    if (auto code = MachineCode::unpack(*kept)) {
      Entry entry = TRY(load(source, *code));
      report.say(key, code->text_bytes);
      return std::shared_ptr<TieredKernel>(std::make_shared<ReadyKernel>(entry));
    }
  }
  if (tiers != Tiers::compiled && !source.grouping.checked) {  // handlers know no checks
    auto stepped = std::make_shared<SteppedKernel>(source, key, tiers);
    base::Status good = stepped->prepare();
    if (good) return std::shared_ptr<TieredKernel>(std::move(stepped));
    base::log(base::Level::debug, "kernel cannot run as steps",
              {{"kernel", kernel_of(source).name}, {"reason", good.error()}});
  }
  Entry entry = TRY(compile_now(source, key));
  return std::shared_ptr<TieredKernel>(std::make_shared<ReadyKernel>(entry));
}

}  // namespace software
