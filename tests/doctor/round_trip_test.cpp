// From a snapshot to a made machine and back: what the fixtures say of files, nodes, variables and Windows is written
// as real files below a root, the probes read it, and the facts and the verdict must be those of the fixture.
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "doctor/probes/made_root.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/reading.h"
#include "tests/doctor/fixtures.h"

namespace outboard::doctor {

namespace {

using probes::MadeElf;
using probes::MadeRoot;
using probes::split;

uint16_t machine_number(const std::string& name) {
  return name == "i386" ? EM_386 : name == "aarch64" ? EM_AARCH64 : name == "arm" ? EM_ARM : EM_X86_64;
}

// The bytes that a file's fact stands for.
std::string bytes_of(const std::string& text) {
  std::vector<std::string> words = split(text, ' ');
  if (words.size() >= 2 && words[0] == "ko") {
    MadeElf module;
    module.section = ".modinfo";
    module.content = "version=" + words[1] + '\0';
    return module.elf64();
  }
  if (words.size() < 3 || !words[0].starts_with("ELF")) return text;
  MadeElf elf;
  elf.machine = machine_number(words[1]);
  elf.needed = {words[2] == "musl" ? "libc.musl-" + words[1] + ".so.1" : "libc.so.6"};
  std::string bytes = words[0] == "ELF32" ? elf.elf32() : elf.elf64();
  return words.size() < 4 ? bytes : bytes + "nvidia id: NVIDIA " + words[3] + " Release";
}

class Maker {
 public:
  explicit Maker(const Facts& facts) : facts_(facts) {
    for (const auto& [key, text] : facts.known()) {
      if (key.starts_with("f:")) root.write(key.substr(2), bytes_of(text));
      if (key.starts_with("e:")) root.place.environment[key.substr(2)] = text;
    }
    root.place.path = "/usr/bin:/bin";
    root.write("/usr/lib/libc.so.6", probes::own_library({}).elf64());  // what every library needs is there
    root.place.process = 1000;  // whose parent has what a fixture says a parent has
    root.write("/proc/1000/status", "PPid:\t999\n");
    std::string lost = facts.text("p:parent.env");
    std::replace(lost.begin(), lost.end(), '\n', '\0');
    root.write("/proc/999/environ", lost);
    make_nodes();
    make_windows();
  }

  MadeRoot root;
  std::set<std::string> nodes;  // those that could be made
  bool has_lists = false;       // of GPUs on the Windows side

 private:
  unsigned number_of(const std::string& name) {
    return name == "root" ? 0 : ids_.try_emplace(name, 2000 + static_cast<unsigned>(ids_.size())).first->second;
  }
  void make_nodes() {
    for (const std::string& key : facts_.matching("n:/dev/*")) {
      unsigned major = 0, minor = 0, mode = 0;
      char owners[128] = {};
      if (sscanf(facts_.text(key).c_str(), "c %u:%u %o %127s", &major, &minor, &mode, owners) != 4) continue;
      std::string owner = std::string(owners).substr(0, std::string(owners).find(':'));
      std::string group = std::string(owners).substr(owner.size() + 1), path = root.real(key.substr(2));
      std::filesystem::create_directories(std::filesystem::path(path).parent_path());
      if (mknod(path.c_str(), S_IFCHR, makedev(major, minor)) == 0 && chmod(path.c_str(), mode) == 0 &&
          chown(path.c_str(), number_of(owner), number_of(group)) == 0)
        nodes.insert(key);
    }
    std::string list = "root:x:0:\n";
    for (const auto& [name, number] : ids_) list += name + ":x:" + std::to_string(number) + ":\n";
    root.write("/etc/group", list);
    root.write("/etc/passwd", list);
  }

  void program(const std::string& name, const std::string& answer) {
    root.write("/answers/" + name, answer);
    root.command("/mnt/c/Windows/System32/" + name, "cat " + root.real("/answers/" + name));
  }
  void make_windows() {
    if (!facts_.any("w:*")) return;
    for (const char* key : {"w:gpu.name", "w:nvsmi.driver_model", "w:gpu.vendor"})
      has_lists |= facts_.text(key).find_first_of("\n,;|") != std::string::npos;
    std::string answer;
    for (const auto& [key, text] : facts_.known()) {
      std::string line = text;
      for (size_t at = line.find('\n'); at != std::string::npos; at = line.find('\n')) line.replace(at, 1, "\\n");
      bool own_line = !key.starts_with("w:gpu.") && !key.starts_with("w:nvsmi.") && key != "w:hypervisor.vm";
      if (key.starts_with("w:") && own_line) answer += key.substr(2) + "=" + line + "\n";
    }
    answer +=
        std::string("computer=") + (facts_.text("w:hypervisor.vm") == "yes" ? "Virtual Machine" : "Dell XPS") + "\n";
    if (facts_.has("w:gpu.name")) {
      std::string id = "PCI\\VEN_" + facts_.text("w:gpu.vendor") + "&DEV_1\\2";
      answer += "device=" + id + "|" + facts_.text("w:gpu.name") + "|" + facts_.text("w:gpu.status") + "|" +
                facts_.text("w:gpu.problem") + "\ndriver=" + id + "|" + facts_.text("w:gpu.driver") + "|\n";
    }
    program("WindowsPowerShell/v1.0/powershell.exe", answer + "end=yes\n");
    if (facts_.any("w:nvsmi.*"))
      program("nvidia-smi.exe", facts_.text("w:nvsmi.driver_model") + ", " + facts_.text("w:nvsmi.driver_version") +
                                    ", GPU, " + facts_.text("w:nvsmi.cc") + "\n");
  }

  const Facts& facts_;
  std::map<std::string, unsigned> ids_;
};

// Those that neither load a driver nor run a command of the machine.
std::vector<probes::Probe> readers() {
  std::vector<probes::Probe> chosen;
  for (probes::Probe& probe : probes::all_probes())
    for (const char* name : {"files: ", "PCI", "environment", "kernel modules", "libraries", "vendor files",
                             "driver store", "device nodes", "Windows", "nvidia-smi.exe"})
      if (probe.name.starts_with(name)) chosen.push_back(probe);
  return chosen;
}

bool is_list(const std::string& text) { return text.find_first_of("\n,;|") != std::string::npos; }

// What a made machine cannot show: several GPUs in one fact, answers that no probe asks for.
bool comparable(const std::string& key, const std::string& text, const Maker& maker) {
  if (key.starts_with("n:")) return maker.nodes.contains(key);
  if (key.starts_with("w:gpu.") || key.starts_with("w:nvsmi.")) return !is_list(text) && !maker.has_lists;
  return key.starts_with("f:") || key.starts_with("e:") || key.starts_with("w:");
}

// What must come back: a node without how opening it went, a text without the spaces at its ends, a library of a
// version that is given in one number without that number.
std::string essence(const std::string& key, std::string text) {
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (key.starts_with("n:")) return text.substr(0, text.find(" open="));
  if (key == "f:/proc/self/limits" && text.starts_with("Limit ")) text.erase(0, text.find('\n'));
  if (key.find("/GL/nvidia-") != std::string::npos) text = text.substr(0, text.rfind(' '));
  return std::string(probes::trim(text));
}

void check(const std::string& name, const Facts& fixture, const std::vector<std::string>& verdict) {
  SCOPED_TRACE(name);
  Maker maker(fixture);
  Facts found;
  auto failures = probes::run(readers(), maker.root.place, found);
  for (const probes::Failure& failure : failures) ADD_FAILURE() << failure.probe << ": " << failure.why;
  bool windows = found.has("w:CurrentBuild");
  Facts merged = found;
  for (const auto& [key, text] : fixture.known()) {
    bool node = key.starts_with("n:");
    if (key.starts_with("w:") && !windows) {
      merged.set(key, text);
    } else if (comparable(key, text, maker)) {
      EXPECT_EQ(essence(key, found.text(key, "(nothing)")), essence(key, text)) << key;
      if (node) merged.set(key, text);
    } else {
      merged.set(key, text);
    }
  }
  for (const auto& [key, reason] : fixture.unknown()) merged.set_unknown(key, reason);
  if (!windows && !fixture.any("w:*")) merged.remove("w:*");
  EXPECT_EQ(joined(ids(diagnose(merged))), joined(verdict));
}

void check_all(const json& fixtures) {
  for (const json& fixture : fixtures["fixtures"]) {
    std::vector<std::string> wanted = ids(diagnose(facts_of(fixture)));
    check(fixture["id"], facts_of(fixture), wanted);
  }
  for (const json& trap : fixtures["traps"]) {
    std::vector<std::string> wanted = ids(diagnose(facts_of(trap)));
    check(trap["id"], facts_of(trap), wanted);
  }
}

TEST(RoundTrip, HealthyMachines) {
  std::vector<std::string> nothing;
  for (const auto& [name, facts] : catalogue()["bases"].items()) check(name, base(name), nothing);
}
TEST(RoundTrip, Catalogue) { check_all(catalogue()); }
TEST(RoundTrip, Variants) { check_all(variants()); }

}  // namespace

}  // namespace outboard::doctor
