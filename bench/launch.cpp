// What a launch costs on the software GPU in this process, and what a kernel's first one does.
#include <dlfcn.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "bench/bench.h"

extern char** environ;

namespace {

namespace fs = std::filesystem;

void* library;

template <class... A>
void call(const char* name, A... arguments) {
  void* function = dlsym(library, name);
  int result = function ? reinterpret_cast<int (*)(A...)>(function)(arguments...) : 500;
  if (result) std::fprintf(stderr, "bench: %s: error %d\n", name, result), std::exit(1);
}

using Launch = int (*)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                       void**);
Launch launch;

const std::string head = ".version 7.0\n.target sm_75\n.address_size 64\n";
const std::string empty = ".visible .entry empty()\n{\nret;\n}\n";

// Blocks of very different lengths: the i-th does i + 1 rounds.
const std::string uneven = R"(.visible .entry uneven(.param .u64 p)
{ .reg .b32 %r<8>; .reg .f32 %f<8>; .reg .b64 %d<4>; .reg .pred %q;
  mov.u32 %r1, %ctaid.x; add.s32 %r1, %r1, 1; mul.lo.s32 %r1, %r1, 20000;
  mov.u32 %r2, %tid.x; cvt.rn.f32.u32 %f1, %r2; mov.f32 %f2, 0f3F000000;
again: fma.rn.f32 %f1, %f1, %f2, %f2; fma.rn.f32 %f3, %f1, %f2, %f1; add.s32 %r1, %r1, -1;
  setp.ne.s32 %q, %r1, 0; @%q bra again;
  ld.param.u64 %d1, [p]; mul.wide.u32 %d2, %r2, 4; add.s64 %d1, %d1, %d2; st.global.f32 [%d1], %f3; ret; }
)";

// A kernel of about so many lines, of the instructions that are frequent in real ones.
std::string long_kernel(const std::string& name, int lines) {
  std::string body = ".visible .entry " + name + "(.param .u64 p)\n{\n.reg .b32 %r<16>;\n.reg .f32 %f<8>;\n" +
                     ".reg .b64 %d<8>;\n.reg .pred %q<2>;\nld.param.u64 %d1, [p];\nmov.u32 %r1, %tid.x;\n" +
                     "mul.wide.u32 %d2, %r1, 4;\nadd.s64 %d2, %d1, %d2;\n";
  static constexpr const char* group[] = {
      "ld.global.f32 %f1, [%d2];\n",    "fma.rn.f32 %f2, %f1, %f2, %f1;\n", "add.s32 %r2, %r1, 12;\n",
      "xor.b32 %r3, %r2, %r3;\n",       "shl.b32 %r4, %r3, 2;\n",           "mul.f32 %f3, %f2, %f1;\n",
      "and.b32 %r5, %r4, 1020;\n",      "mad.lo.s32 %r6, %r5, 3, %r1;\n",   "setp.lt.s32 %q1, %r6, %r4;\n",
      "selp.b32 %r7, %r6, %r5, %q1;\n", "add.f32 %f4, %f3, %f2;\n",         "shr.u32 %r3, %r7, 1;\n",
      "cvt.rn.f32.s32 %f5, %r3;\n",     "fma.rn.f32 %f2, %f5, %f4, %f3;\n", "st.global.f32 [%d2], %f2;\n",
      "add.s64 %d2, %d2, 128;\n"};
  for (int line = 10, i = 0; line < lines; ++line, ++i) {
    if (i % 64 == 40) body += "@%q1 bra after" + std::to_string(i) + ";\n";
    body += group[i % (sizeof group / sizeof *group)];
    if (i % 64 == 50) body += "after" + std::to_string(i - 10) + ":\n";
  }
  return body + "ret;\n}\n";
}

void* function_of(const std::string& text, const char* name) {
  void *module = nullptr, *function = nullptr;
  call("cuModuleLoadData", &module, (head + text).c_str());
  call("cuModuleGetFunction", &function, module, name);
  return function;
}

void run(void* function, unsigned blocks, unsigned threads, void** parameters) {
  if (int error = launch(function, blocks, 1, 1, threads, 1, 1, 0, nullptr, parameters, nullptr))
    std::fprintf(stderr, "bench: cuLaunchKernel: error %d\n", error), std::exit(1);
}

void measure_launches() {
  void* function = function_of(empty, "empty");
  std::vector<double> launches, both;
  for (int batch = 0; batch < 60; ++batch) {
    constexpr int many = 300;
    double start = bench::seconds();
    for (int i = 0; i < many; ++i) run(function, 1, 32, nullptr);
    launches.push_back((bench::seconds() - start) * 1e6 / many);
    call("cuCtxSynchronize");
  }
  auto synchronise = reinterpret_cast<int (*)()>(dlsym(library, "cuCtxSynchronize"));
  for (int i = 0; i < 5000; ++i) {
    double start = bench::seconds();
    run(function, 1, 32, nullptr);
    synchronise();
    both.push_back((bench::seconds() - start) * 1e6);
  }
  std::printf("launch %.3f\nlaunch_and_wait %.3f\n", bench::median(launches), bench::median(both));
}

void measure_scaling() {
  void* function = function_of(uneven, "uneven");
  uint64_t memory = 0;
  call("cuMemAlloc_v2", &memory, size_t{4096});
  void* parameters[] = {&memory};
  std::vector<double> times;
  for (int i = 0; i < 9; ++i) {
    double start = bench::seconds();
    run(function, 12, 128, parameters);
    call("cuCtxSynchronize");
    times.push_back((bench::seconds() - start) * 1e3);
  }
  std::printf("uneven_blocks %.3f\n", bench::median(times));
}

double first_launch_ms(int lines) {
  uint64_t memory = 0;
  call("cuMemAlloc_v2", &memory, size_t{1} << 20);
  void* parameters[] = {&memory};
  std::string name = "lines" + std::to_string(lines);
  void* function = function_of(long_kernel(name, lines), name.c_str());
  double start = bench::seconds();
  run(function, 1, 32, parameters);
  call("cuCtxSynchronize");
  return (bench::seconds() - start) * 1e3;
}

void measure_first_launches() {
  void* function = function_of(empty, "empty");
  run(function, 1, 32, nullptr);  // LLVM wakes up
  std::printf("lines_200 %.3f\n", first_launch_ms(200));
  std::printf("lines_5000 %.3f\n", first_launch_ms(5000));
}

int child(const char* what, const char* path) {
  library = dlopen(path, RTLD_NOW);
  if (!library) return std::fprintf(stderr, "bench: %s\n", dlerror()), 1;
  void* context = nullptr;
  call("cuInit", 0u);
  call("cuDevicePrimaryCtxRetain", &context, 0);
  call("cuCtxSetCurrent", context);
  launch = reinterpret_cast<Launch>(dlsym(library, "cuLaunchKernel"));
  if (!std::strcmp(what, "launches")) measure_launches();
  if (!std::strcmp(what, "scaling")) measure_scaling();
  if (!std::strcmp(what, "first")) measure_first_launches();
  return 0;
}

using Settings = std::vector<std::pair<const char*, std::string>>;

// What a fresh process measures, with these settings.
std::map<std::string, double> measure(const char* what, const Settings& settings, const std::string& path) {
  for (const auto& [name, value] : settings) setenv(name, value.c_str(), 1);
  int ends[2];
  if (pipe(ends) < 0) std::exit(1);
  std::string self = fs::read_symlink("/proc/self/exe"), kind = what, where = path;
  char* arguments[] = {self.data(), kind.data(), where.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  pid_t pid = -1;
  posix_spawn(&pid, self.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  FILE* lines = fdopen(ends[0], "r");
  std::map<std::string, double> values;
  char figure[64];
  for (double got; std::fscanf(lines, "%63s %lf", figure, &got) == 2;) values[figure] = got;
  std::fclose(lines);
  int status = 0;
  waitpid(pid, &status, 0);
  for (const auto& [name, value] : settings) unsetenv(name);
  if (status) std::fprintf(stderr, "bench: measuring %s failed\n", what), std::exit(1);
  return values;
}

void print(const char* figure, double value, const char* unit, double goal, bool more = false) {
  bool met = more ? value >= goal : value <= goal;
  std::printf("%-28s %10.3f %-3s  %s %-8g %s\n", figure, value, unit, more ? ">=" : "<=", goal, met ? "yes" : "NO");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) return child(argv[1], argv[2]);
  if (argc != 2) return std::fprintf(stderr, "usage: launch_bench BUILD\n"), 2;
  std::string path = fs::absolute(argv[1]) / "lib/software/libcuda.so.1";
  std::string folder = fs::temp_directory_path() / ("outboard-bench-kernels-" + std::to_string(getpid()));
  const std::pair<const char*, std::string> off{"OUTBOARD_CACHE", "off"}, on{"OUTBOARD_CACHE", folder},
      compiled{"OUTBOARD_TIERS", "compiled"}, steps{"OUTBOARD_TIERS", "both"};
  auto launches = measure("launches", {off, compiled}, path);
  std::map<std::string, std::vector<double>> first, cold, warm;
  for (int i = 0; i < 3; ++i) {
    fs::remove_all(folder);
    for (auto& [name, value] : measure("first", {off, steps}, path)) first[name].push_back(value);
    for (auto& [name, value] : measure("first", {on, compiled}, path)) cold[name].push_back(value);
    for (auto& [name, value] : measure("first", {on, steps}, path)) warm[name].push_back(value);
  }
  fs::remove_all(folder);
  std::vector<double> one, all;
  for (int i = 0; i < 5; ++i) {
    one.push_back(measure("scaling", {{"OUTBOARD_SOFTWARE_THREADS", "1"}, compiled}, path)["uneven_blocks"]);
    all.push_back(measure("scaling", {{"OUTBOARD_SOFTWARE_THREADS", "2"}, compiled}, path)["uneven_blocks"]);
  }
  std::printf("%-28s %10s %-3s  %-11s %s\n", "figure", "value", "", "goal", "met");
  print("launch", launches["launch"], "us", 3);
  print("launch and wait", launches["launch_and_wait"], "us", 8);
  print("first launch, 200 lines", bench::median(first["lines_200"]), "ms", 15);
  print("  compiled before it runs", bench::median(cold["lines_200"]), "ms", 15);
  print("  machine code from disk", bench::median(warm["lines_200"]), "ms", 0.5);
  print("first launch, 5000 lines", bench::median(first["lines_5000"]), "ms", 1500);
  print("  compiled before it runs", bench::median(cold["lines_5000"]), "ms", 1500);
  print("  machine code from disk", bench::median(warm["lines_5000"]), "ms", 15);
  print("12 uneven blocks, 2 threads", bench::median(one) / bench::median(all), "x", 1.8, true);
  return 0;
}
