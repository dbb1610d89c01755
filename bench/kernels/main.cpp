// make bench-kernels: the same kernels on the software GPU, through PoCL and as native code, and the machine's limits.
// All take turns, kernel by kernel, because the machine may be shared; medians of the turns count.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "bench/bench.h"

extern char** environ;

namespace {

namespace fs = std::filesystem;

enum class Bound { memory, compute, latency };

struct Kernel {
  const char *name, *unit;
  Bound bound;
  double least;  // goal in its own unit, 0: none; memory-bound with a goal: a share of the measured copy
};
// Goals: sgemm in GFLOP/s on two cores of a Zen 4 with AVX-512; saxpy and vadd against copying.
constexpr Kernel kernels[] = {
    {"saxpy_16m", "GB/s", Bound::memory, 0.95},
    {"vadd_16m", "GB/s", Bound::memory, 0.95},
    {"saxpy_32k", "GB/s", Bound::latency, 0},
    {"sgemm_tiled_16", "GFLOP/s", Bound::compute, 60},
    {"sgemm_tiled_32", "GFLOP/s", Bound::compute, 60},
    {"sgemm_blocked", "GFLOP/s", Bound::compute, 100},
    {"reduce_shuffle_16m", "GB/s", Bound::memory, 0},
    {"reduce_shared_4m", "GB/s", Bound::memory, 0},
    {"mandelbrot", "Giter/s", Bound::compute, 0},
    {"collatz", "Giter/s", Bound::compute, 0},
    {"histogram", "Gelem/s", Bound::latency, 0},
    {"n_body", "Ginter/s", Bound::compute, 0},
    {"gather", "Gedge/s", Bound::latency, 0},
    {"black_scholes", "Gopt/s", Bound::compute, 0},
    {"stencil", "GB/s", Bound::memory, 0},
    {"transpose", "GB/s", Bound::memory, 0},
};

struct Sample {
  std::vector<double> rates, per_processor_second;
  double sum = 0;

  double rate() const { return bench::median(rates); }
  double efficiency() const { return bench::median(per_processor_second); }
};

struct Way {  // of running a kernel
  std::string name;
  std::vector<std::string> command;
  std::map<std::string, std::string> settings;
};

fs::path build;

std::vector<Way> ways() {
  std::string source = KERNELS_SOURCE;
  std::string ours = build / "bench/kernels_cuda", library = build / "lib/software";
  return {{"ours", {ours}, {{"LD_LIBRARY_PATH", library}}},
          {"PoCL", {build / "bin/kernels_opencl", source}, {}},
          {"native", {build / "bin/kernels_native"}, {}},
          {"one thread", {ours}, {{"LD_LIBRARY_PATH", library}, {"OUTBOARD_SOFTWARE_THREADS", "1"}}},
          {"limit", {build / "bin/kernels_limits"}, {}},
          {"limit of one thread", {build / "bin/kernels_limits"}, {{"OMP_NUM_THREADS", "1"}}}};
}

// Runs one kernel one way and adds what it prints.
void measure(const Way& way, const std::string& kernel, Sample& sample) {
  std::vector<std::string> words = {"/usr/bin/env"};
  for (const auto& [name, value] : way.settings) words.push_back(name + "=" + value);
  words.insert(words.end(), way.command.begin(), way.command.end());
  words.push_back(kernel);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (pipe(ends) < 0) std::exit(1);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  pid_t pid = -1;
  posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  FILE* lines = fdopen(ends[0], "r");
  char name[64];
  double rate, efficiency;
  while (std::fscanf(lines, "%63s %lf %lf %lf", name, &rate, &efficiency, &sample.sum) == 4) {
    sample.rates.push_back(rate);
    sample.per_processor_second.push_back(efficiency);
  }
  std::fclose(lines);
  int status = 0;
  waitpid(pid, &status, 0);
  if (status == 0) return;
  std::fprintf(stderr, "bench: %s did not run %s\n", way.name.c_str(), kernel.c_str());
  std::exit(1);
}

using Samples = std::map<std::string, std::map<std::string, Sample>>;  // kernel, way

Samples measure_all(int turns, const std::string& only) {
  Samples all;
  auto list = ways();
  for (int turn = 0; turn < turns; ++turn) {
    for (const char* limit : {"copy", "fma", "openblas"}) measure(list[4], limit, all[limit]["limit"]);
    measure(list[5], "fma", all["fma"]["one thread"]);
    for (const Kernel& kernel : kernels) {
      if (!only.empty() && only != kernel.name) continue;
      for (const Way& way : list)
        if (!way.name.starts_with("limit") && (way.name != "one thread" || kernel.bound == Bound::compute))
          measure(way, kernel.name, all[kernel.name][way.name]);
    }
  }
  return all;
}

// Sums in single precision differ with the order of adding, and the edge of a fractal with contraction.
bool agree(double a, double b) { return std::fabs(a - b) <= 1e-3 * std::max(std::fabs(a), std::fabs(b)) + 1e-9; }

struct Mean {  // geometric
  double logarithms = 0;
  int count = 0;
  void add(double value) { logarithms += std::log(value), ++count; }
  double value() const { return std::exp(logarithms / std::max(count, 1)); }
};

struct Row {
  const Kernel& kernel;
  double ours, pocl, native, to_pocl, to_native, processor_to_pocl, processor_to_native, to_limit, scaling;
  bool right;
};

std::vector<Row> rows_of(Samples& all) {
  std::vector<Row> rows;
  for (const Kernel& kernel : kernels) {
    auto found = all.find(kernel.name);
    if (found == all.end()) continue;
    Sample &ours = found->second["ours"], &pocl = found->second["PoCL"], &native = found->second["native"];
    double limit = all[kernel.bound == Bound::memory ? "copy" : "fma"]["limit"].rate();
    bool flops = std::string(kernel.unit) == "GFLOP/s", limited = kernel.bound == Bound::memory || flops;
    double alone = kernel.bound == Bound::compute ? found->second["one thread"].rate() : 0;
    rows.push_back({kernel, ours.rate(), pocl.rate(), native.rate(), ours.rate() / pocl.rate(),
                    ours.rate() / native.rate(), ours.efficiency() / pocl.efficiency(),
                    ours.efficiency() / native.efficiency(), limited ? ours.rate() / limit : 0,
                    alone > 0 ? ours.rate() / alone : 0, agree(ours.sum, pocl.sum) && agree(ours.sum, native.sum)});
  }
  return rows;
}

void print_or_blank(const char* format, double value, int width) {
  if (value > 0)
    std::printf(format, width, value);
  else
    std::printf(" %*s", width, "");
}

bool goal_met(const Row& row) {
  bool met = row.right && row.to_pocl >= 0.8 && row.to_native >= 0.5 && (row.scaling == 0 || row.scaling >= 1.8);
  if (row.kernel.least > 0)
    met = met && (row.kernel.bound == Bound::memory ? row.to_limit : row.ours) >= row.kernel.least;
  return met;
}

void print(const std::vector<Row>& rows, Samples& all) {
  std::printf("%-19s %-8s %8s %8s %8s | %6s %6s | %6s %6s | %6s %7s  %s\n", "kernel", "unit", "ours", "PoCL", "native",
              "/PoCL", "/nativ", "/PoCL", "/nativ", "/limit", "2 cores", "goals");
  std::printf("%-19s %-8s %8s %8s %8s | %13s | %13s |\n", "", "", "", "", "", "by the clock", "by cpu time");
  Mean pocl, native, processor_pocl, processor_native;
  for (const Row& row : rows) {
    std::printf("%-19s %-8s %8.3f %8.3f %8.3f | %6.2f %6.2f | %6.2f %6.2f |", row.kernel.name, row.kernel.unit,
                row.ours, row.pocl, row.native, row.to_pocl, row.to_native, row.processor_to_pocl,
                row.processor_to_native);
    print_or_blank(" %*.2f", row.to_limit, 6);
    print_or_blank(" %*.2f", row.scaling, 7);
    std::printf("  %s\n", !row.right ? "WRONG RESULT" : goal_met(row) ? "met" : "NOT met");
    pocl.add(row.to_pocl), native.add(row.to_native);
    processor_pocl.add(row.processor_to_pocl), processor_native.add(row.processor_to_native);
  }
  std::printf("%-19s %-8s %8s %8s %8s | %6.2f %6.2f | %6.2f %6.2f |%15s  %s\n", "geometric mean", "", "", "", "",
              pocl.value(), native.value(), processor_pocl.value(), processor_native.value(), "",
              pocl.value() >= 8 && native.value() >= 1.2 ? "met" : "NOT met");
  std::printf("\nlimits: copy %.2f GB/s, multiply-add %.1f GFLOP/s; OpenBLAS sgemm 1024: %.1f GFLOP/s; %u threads\n",
              all["copy"]["limit"].rate(), all["fma"]["limit"].rate(), all["openblas"]["limit"].rate(),
              std::thread::hardware_concurrency());
  std::printf("two threads multiply and add %.2f times as much as one; what two cores gain is to be seen beside that\n",
              all["fma"]["limit"].rate() / all["fma"]["one thread"].rate());
  std::printf(
      "goals: mean >= 8 x PoCL and >= 1.2 x native; each >= 0.8 x PoCL and >= 0.5 x native; compute-bound kernels\n"
      ">= 1.8 times faster on two cores; saxpy, vadd >= 0.95 of copying; sgemm tiled >= 60, blocked >= 100 GFLOP/s\n"
      "(these two for a Zen 4 with AVX-512)\n");
}

bool write_results(const std::vector<Row>& rows, Samples& all) {
  fs::create_directories(build / "bench");
  std::ofstream file(build / "bench/kernels.json");
  file << "{\"command\": \"make bench-kernels\", \"copy\": " << all["copy"]["limit"].rate()
       << ", \"multiply_add\": " << all["fma"]["limit"].rate() << ", \"openblas\": " << all["openblas"]["limit"].rate()
       << ",\n \"kernels\": [\n";
  for (const Row& row : rows)
    file << "  {\"name\": \"" << row.kernel.name << "\", \"unit\": \"" << row.kernel.unit
         << "\", \"ours\": " << row.ours << ", \"pocl\": " << row.pocl << ", \"native\": " << row.native
         << ", \"processor_time_to_pocl\": " << row.processor_to_pocl
         << ", \"processor_time_to_native\": " << row.processor_to_native << ", \"two_cores\": " << row.scaling
         << ", \"right\": " << (row.right ? "true" : "false") << "}" << (&row == &rows.back() ? "\n" : ",\n");
  file << "]}\n";
  return file.good();
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return std::fprintf(stderr, "usage: outboard_bench_kernels BUILD [TURNS [KERNEL]]\n"), 2;
  build = fs::absolute(arguments[1]);
  setenv("OMP_WAIT_POLICY", "passive", 1);  // idle threads must not count as work
  Samples all = measure_all(count > 2 ? std::atoi(arguments[2]) : 5, count > 3 ? arguments[3] : "");
  auto rows = rows_of(all);
  print(rows, all);
  bool right = true;
  for (const Row& row : rows) right = right && row.right;
  return write_results(rows, all) && right ? 0 : 1;
}
