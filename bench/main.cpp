// make bench: starts a server of the null device (or of another one), measures the links through it, prints a table
// and writes results.json. Needs neither a GPU nor LLVM.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "bench/bench.h"
#include "bench/delay.h"

extern char** environ;

namespace {

namespace fs = std::filesystem;

struct Figure {
  std::string name;
  double value;
  std::string unit;
  double limit;  // of this machine, measured in this run
  std::string limit_name, goal;
  bool met;
};

fs::path build;

std::string remote_library() { return (build / "lib/remote/libcuda.so.1").string(); }
std::string software_library() { return (build / "lib/software/libcuda.so.1").string(); }

pid_t start(std::vector<std::string> words, int output = -1, int errors = -1) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (output >= 0) posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (errors >= 0) posix_spawn_file_actions_adddup2(&actions, errors, 2);
  pid_t pid = -1;
  posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

std::map<std::string, double> measure(const std::string& self, const std::string& target,
                                      const std::string& what = "--driver") {
  int ends[2];
  if (pipe(ends) < 0) std::exit(1);
  setenv("OUTBOARD_TARGET", target.c_str(), 1);
  pid_t child = start({self, what, remote_library()}, ends[1]);
  close(ends[1]);
  FILE* lines = fdopen(ends[0], "r");
  std::map<std::string, double> values;
  char name[64];
  for (double value; std::fscanf(lines, "%63s %lf", name, &value) == 2;) values[name] = value;
  std::fclose(lines);
  int status = 0;
  waitpid(child, &status, 0);
  if (status) std::fprintf(stderr, "bench: the measurement through %s failed\n", target.c_str()), std::exit(1);
  return values;
}

double start_up_ms(const std::string& self, const std::string& library) {
  double begin = bench::seconds();
  int status = 0;
  waitpid(start({self, "--start", library}), &status, 0);
  return status ? 1e9 : (bench::seconds() - begin) * 1e3;
}

// Over shared memory a copy of pageable memory is two copies, one each side, and one of pinned memory the device's own.
void memory_figures(std::vector<Figure>& figures, std::map<std::string, std::vector<double>>& got, double rate) {
  for (const char* way : {"to_device", "to_host", "pinned_to_device", "pinned_to_host"}) {
    double copied = bench::median(got[way]);
    figures.push_back({std::string("memory.copy_") + way, copied, "GB/s", rate, "one memcpy", ">= 10", copied >= 10});
  }
}

// The machine is shared and its scheduler has moods: limit and figure take turns, and medians of the turns count.
void link_figures(std::vector<Figure>& figures, const std::string& self, const std::string& name,
                  const std::string& target) {
  constexpr int turns = 5;
  const int connections = name == "tls_two" ? 2 : 1;
  bool tcp = name == "tcp", memory = name == "memory", tls = name.starts_with("tls");
  setenv("OUTBOARD_CONNECTIONS", std::to_string(connections).c_str(), 1);
  setenv("OUTBOARD_SHARED_MEMORY", memory ? "on" : "off", 1);
  std::vector<double> trips, rates;
  std::map<std::string, std::vector<double>> got;
  for (int i = 0; i < turns; ++i) {
    trips.push_back(memory ? bench::bare_memory_round_trip_us() : bench::bare_round_trip_us(tcp || tls));
    rates.push_back(memory ? bench::memory_copy_gb_per_s()
                    : tls  ? bench::bare_tls_stream_gb_per_s(connections)
                           : bench::bare_stream_gb_per_s(tcp));
    for (const auto& [key, value] : measure(self, target)) got[key].push_back(value);
  }
  double trip = bench::median(trips), rate = bench::median(rates), launch = bench::median(got["launch"]),
         round_trip = bench::median(got["round_trip"]);
  figures.push_back({name + ".launch", launch, "us", 0.3, "goal", "< 0.3", launch < 0.3});
  figures.push_back(
      {name + ".round_trip", round_trip, "us", trip, "bare ping-pong", "<= 1.3 x limit", round_trip <= 1.3 * trip});
  double allocate = bench::median(got["allocate"]);
  figures.push_back({name + ".allocate_free", allocate, "us", trip, "bare ping-pong", "<= 1", allocate <= 1});
  double used = bench::median(got["allocate_used"]);
  figures.push_back({name + ".allocate_launch_free", used, "us", trip, "bare ping-pong", "none", true});
  double pool = bench::median(got["allocate_async"]), pool_used = bench::median(got["allocate_async_used"]);
  figures.push_back({name + ".allocate_free_async", pool, "us", trip, "bare ping-pong", "<= 1", pool <= 1});
  figures.push_back({name + ".allocate_launch_free_async", pool_used, "us", trip, "bare ping-pong", "none", true});
  if (memory) return memory_figures(figures, got, rate);
  for (const char* way : {"to_device", "to_host"}) {
    double copied = bench::median(got[way]);
    figures.push_back({name + ".copy_" + way, copied, "GB/s", rate, tls ? "bare OpenSSL" : "bare stream",
                       ">= 0.9 x limit", copied >= 0.9 * rate});
  }
}

// Whether more connections would carry more: OpenSSL alone on one, two and four of them.
void connection_figures(std::vector<Figure>& figures) {
  constexpr int turns = 3, counts[] = {1, 2, 4};
  std::map<int, std::vector<double>> rates;
  for (int i = 0; i < turns; ++i)
    for (int count : counts) rates[count].push_back(bench::bare_tls_stream_gb_per_s(count));
  for (int count : counts)
    figures.push_back({"bare_tls.connections_" + std::to_string(count), bench::median(rates[count]), "GB/s",
                       bench::median(rates[1]), "one connection", "none", true});
}

// Total throughput must not fall when more clients come.
void client_figures(std::vector<Figure>& figures, const std::string& self, const std::string& target) {
  setenv("OUTBOARD_TARGET", target.c_str(), 1);
  setenv("OUTBOARD_SHARED_MEMORY", "on", 1);
  double one = 0;
  for (int clients : {1, 8, 64}) {
    std::vector<double> turns;
    for (int i = 0; i < 3; ++i) turns.push_back(bench::launches_per_second(self, remote_library(), clients) / 1e6);
    const double all = bench::median(turns);
    if (clients == 1) one = all;
    figures.push_back({"clients." + std::to_string(clients), all, "M/s", one, "one client", ">= limit", all >= one});
  }
}

void idle_figure(std::vector<Figure>& figures, const std::string& self, const std::string& name,
                 const std::string& target, pid_t server) {
  setenv("OUTBOARD_TARGET", target.c_str(), 1);
  const double idle = bench::idle_session_mb(self, remote_library(), server);
  figures.push_back({name + ".idle_session", idle, "MB", 20, "goal", "<= 20", idle <= 20});
}

// The server's log says its key's fingerprint, which clients of an encrypted link must know.
std::string fingerprint_in(const fs::path& log) {
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find("fingerprint=");
    if (at != line.npos) return line.substr(at + 12, line.find(' ', at) - at - 12);
  }
  return {};
}

// Over a link with 30 ms more for a round trip: what a program pays is how often it waits.
void far_figure(std::vector<Figure>& figures, const std::string& self, int port) {
  constexpr double trip_ms = 30, waits = 4;
  constexpr std::chrono::milliseconds one_way{15};
  constexpr int turns = 3;
  bench::Delay delay(port, one_way);
  std::vector<double> trips, steps;
  for (int i = 0; i < turns; ++i) {
    trips.push_back(bench::bare_far_trip_ms(one_way));
    steps.push_back(measure(self, "tcp:127.0.0.1:" + std::to_string(delay.port()), "--step")["step"]);
  }
  const double trip = bench::median(trips), step = bench::median(steps);
  figures.push_back({"far.bare_trip", trip, "ms", trip_ms, "the delay", "none", true});
  figures.push_back(
      {"far.step", step, "ms", waits * trip_ms, "4 x 30 ms", "<= limit + 5", step <= waits * trip_ms + 5});
}

void size_figure(std::vector<Figure>& figures, const std::string& self, int port) {
  bench::Delay passage(port, {});
  measure(self, "tcp:127.0.0.1:" + std::to_string(passage.port()), "--launches");
  const double bytes = static_cast<double>(passage.sent()) / bench::often;
  figures.push_back({"tcp.launch_size", bytes, "bytes", 64, "goal", "<= 64", bytes <= 64});
}

void start_figure(std::vector<Figure>& figures, const std::string& self, const std::string& target) {
  setenv("OUTBOARD_TARGET", target.c_str(), 1);
  std::vector<double> through, direct;
  for (int i = 0; i < 15; ++i) {
    direct.push_back(start_up_ms(self, software_library()));
    through.push_back(start_up_ms(self, remote_library()));
  }
  double more = bench::median(through) - bench::median(direct);
  figures.push_back(
      {"start_up_through", bench::median(through), "ms", bench::median(direct), "direct", "< limit + 60", more < 60});
}

void print(const std::vector<Figure>& figures) {
  std::printf("%-22s %10s %-5s %10s  %-15s %7s  %-15s %s\n", "figure", "value", "unit", "limit", "which is", "ratio",
              "goal", "met");
  for (const Figure& each : figures)
    std::printf("%-22s %10.3f %-5s %10.3f  %-15s %7.2f  %-15s %s\n", each.name.c_str(), each.value, each.unit.c_str(),
                each.limit, each.limit_name.c_str(), each.value / each.limit, each.goal.c_str(),
                each.met ? "yes" : "NO");
}

bool write_results(const std::vector<Figure>& figures) {
  fs::create_directories(build / "bench");
  std::ofstream file(build / "bench/results.json");
  file << "[\n";
  for (size_t i = 0; i < figures.size(); ++i)
    file << "  {\"name\": \"" << figures[i].name << "\", \"value\": " << figures[i].value << ", \"unit\": \""
         << figures[i].unit << "\", \"limit\": " << figures[i].limit << ", \"goal\": \"" << figures[i].goal
         << "\", \"command\": \"make bench\"}" << (i + 1 < figures.size() ? "," : "") << "\n";
  file << "]\n";
  return file.good();
}

// Through a command's pipes, or around them; the pipes are the limit.
int measure_over(const std::string& self, const std::string& name, const std::string& target,
                 const std::string& prefix) {
  constexpr int turns = 3;
  std::vector<double> trips, rates;
  std::map<std::string, std::vector<double>> got;
  for (int i = 0; i < turns; ++i) {
    trips.push_back(bench::command_round_trip_us(prefix));
    rates.push_back(bench::command_stream_gb_per_s(prefix));
    for (const auto& [key, value] : measure(self, target)) got[key].push_back(value);
  }
  std::vector<Figure> figures;
  const double trip = bench::median(trips), rate = bench::median(rates), query = bench::median(got["round_trip"]);
  figures.push_back({name + ".round_trip", query, "us", trip, "the pipe's own", "<= 1.3 x limit", query <= 1.3 * trip});
  figures.push_back(
      {name + ".calls_per_s", 1e6 / query, "1/s", 1e6 / trip, "the pipe's own", ">= limit / 1.3", query <= 1.3 * trip});
  for (const char* way : {"to_device", "to_host"}) {
    const double copied = bench::median(got[way]);
    figures.push_back(
        {name + ".copy_" + way, copied, "GB/s", rate, "the pipe's own", ">= 0.8 x limit", copied >= 0.8 * rate});
  }
  print(figures);
  return 0;
}

// A server of this run's own, on every kind of link.
class Server {
 public:
  explicit Server(const std::string& device)
      : folder_(fs::temp_directory_path() / ("outboard-bench-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    setenv("XDG_CONFIG_HOME", folder_.c_str(), 1);  // where its key goes
    setenv("OUTBOARD_STATE", folder_.c_str(), 1);
    const int log = open((folder_ / "log").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    process_ = start({(build / "bin/outboard").string(), "serve", "--max-clients", "128", "--device", device,
                      "--listen", target("memory"), "--listen", target("tcp"), "--listen", "tls:" + secure_},
                     -1, log);
    for (int i = 0; i < 200 && !fs::exists(folder_ / "socket"); ++i) usleep(20000);
  }
  ~Server() {
    kill(process_, SIGTERM);
    waitpid(process_, nullptr, 0);
    fs::remove_all(folder_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  static constexpr const char* links[] = {"memory", "unix", "tcp", "tls", "tls_two"};
  std::string target(const std::string& link) const {
    if (link == "tcp") return "tcp:127.0.0.1:" + std::to_string(port());
    if (link.starts_with("tls")) return "tls:" + secure_ + "#" + fingerprint_in(folder_ / "log");
    return "unix:" + (folder_ / "socket").string();
  }
  static int port() { return 20000 + getpid() % 20000; }
  pid_t process() const { return process_; }

 private:
  const fs::path folder_;
  const std::string secure_ = "127.0.0.1:" + std::to_string(40000 + getpid() % 20000);
  pid_t process_ = 0;
};

// The parts that are wanted, all of them if none is named.
int measure_links(const std::string& self, const std::string& device, const std::vector<std::string>& parts) {
  auto wants = [&](const char* part) { return parts.empty() || std::ranges::find(parts, part) != parts.end(); };
  const Server server(device);
  std::vector<Figure> figures;
  for (const char* link : Server::links)
    if (wants(link)) link_figures(figures, self, link, server.target(link));
  if (wants("connections")) connection_figures(figures);
  if (wants("clients")) {
    client_figures(figures, self, server.target("memory"));
    for (const char* link : {"memory", "tcp", "tls"})
      idle_figure(figures, self, link, server.target(link), server.process());
  }
  if (wants("start") && fs::exists(software_library())) start_figure(figures, self, server.target("memory"));
  if (wants("size")) size_figure(figures, self, Server::port());
  if (wants("far")) far_figure(figures, self, Server::port());
  print(figures);
  return write_results(figures) ? 0 : 1;
}

// What this program does as a child of itself.
constexpr struct {
  const char* option;
  int (*run)(const std::string& library);
} children[] = {{"--driver", bench::measure_driver}, {"--step", bench::measure_step},
                {"--launches", bench::launch_often}, {"--start", bench::start_driver},
                {"--busy", bench::be_busy},          {"--idle", bench::be_idle}};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& child : children)
    if (argc == 3 && !std::strcmp(argv[1], child.option)) return child.run(argv[2]);
  if (argc < 2)
    return std::fprintf(
               stderr,
               "usage: outboard_bench BUILD [DEVICE [PART]...]; parts: memory unix tcp tls tls_two connections "
               "clients size far start\n"),
           2;
  build = fs::absolute(argv[1]);
  const std::string self = fs::read_symlink("/proc/self/exe");
  if (argc == 6 && !std::strcmp(argv[2], "--over")) return measure_over(self, argv[3], argv[4], argv[5]);
  return measure_links(self, argc >= 3 ? argv[2] : "null", {argv + std::min(argc, 3), argv + argc});
}
