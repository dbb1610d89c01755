// Which driver library is loaded: none, a stub, a broken file, one for another architecture, one of two.
#include "doctor/checks/subjects.h"

namespace outboard::doctor {

namespace {

bool names_32_bits(const std::string& key) {
  return contains(key, "/i386-linux-gnu/") || contains(key, "/i686-linux-gnu/") || contains(key, "/lib32/");
}

bool none_for_this_machine(const Machine& m, Seen& seen) {
  if (!m.linux_host() || !m.module_loaded() || !m.cuda_not_loaded() || m.facts.text("p:proc.elfclass") == "32")
    return false;
  for (const std::string& key : m.cuda_libraries())
    if (!names_32_bits(key)) return false;
  return seen.fact("f:/proc/driver/nvidia/version")
      .fact("f:/sys/module/nvidia/version")
      .fact("p:cuda.cuInit", "0")
      .missing("libcuda.so.1")
      .found();
}

bool stub(const Machine& m, Seen& seen) {
  bool loaded = m.from_folder("p:cuda.path", "stubs") || m.from_folder("p:nvml.path", "stubs");
  if (!(loaded && m.cuda_fails()) && m.code("p:cuda.cuInit") != 34L) return false;
  return seen.fact("p:cuda.path", "the driver's library")
      .line("e:LD_LIBRARY_PATH", "stubs", "no stubs folder")
      .fact("p:cuda.cuInit", "0")
      .found();
}

bool compatibility_refused(const Machine& m, Seen& seen) {
  if (m.code("p:cuda.cuInit") != 804L) return false;
  return seen.fact("p:cuda.path", "the driver's own library")
      .fact("e:LD_LIBRARY_PATH")
      .fact("p:cuda.cuInit", "0")
      .found();
}

bool compatibility_mismatch(const Machine& m, Seen& seen) {
  if (m.code("p:cuda.cuInit") != 803L || !m.from_folder("p:cuda.path", "compat")) return false;
  seen.fact("f:" + m.facts.text("p:cuda.path"), "newer than the kernel module, and supported with it");
  return seen.fact("p:cuda.path").fact(m.module_version_key).fact("p:cuda.cuInit", "0").found();
}

bool only_64_bits(const Machine& m, Seen& seen) {
  if (m.facts.text("p:proc.elfclass") != "32" || !m.blocked()) return false;
  for (const std::string& key : m.cuda_libraries())
    if (names_32_bits(key) || library(m.facts.text(key)).bits == 32) return false;
  return seen.fact("p:proc.elfclass", "64")
      .facts(m.cuda_libraries(), "a 32-bit one beside it")
      .missing("a 32-bit libcuda.so.1")
      .found();
}

bool no_development_name(const Machine& m, Seen& seen) {
  auto libraries = m.cuda_libraries();
  bool asked = m.wants({"cuda"}) && m.works("cuda") == Works::yes;
  if (!asked || libraries.empty() || m.facts.any("f:*/libcuda.so")) return false;
  return seen.facts(libraries).missing("libcuda.so").found();
}

// A file under the driver library's name that no loader takes.
bool broken_file(const Machine& m, const std::string& key) {
  const std::string* text = m.facts.find(key);
  if (!text) return false;
  Library file = library(*text);
  bool other_machine = file.elf && !file.machine.empty() && m.facts.has("i:arch") && file.bits == 64 &&
                       file.machine != m.facts.text("i:arch") && m.facts.text("p:proc.elfclass") != "32";
  return file.empty || !file.elf || other_machine;
}

bool broken(const Machine& m, Seen& seen) {
  std::string loader = m.facts.text("p:dlopen.error");
  bool loader_says = contains(loader, "file too short") || contains(loader, "invalid ELF header");
  std::string cuda = m.loaded_cuda(), nvml = "f:" + m.facts.text("p:nvml.path");
  bool nvml_is_no_library = m.facts.has(nvml) && !library(m.facts.text(nvml)).elf;
  std::string key = broken_file(m, cuda) ? cuda : nvml_is_no_library ? nvml : "";
  if (!key.empty() && m.blocked())
    return seen.fact(key, "an ELF library for this machine").fact("p:dlopen.error").fact("p:cuda.cuInit", "0").found();
  if (!loader_says || !m.blocked()) return false;
  return seen.fact("p:dlopen.error", "a library that loads").fact("p:cuda.cuInit", "0").found();
}

bool two_drivers(const Machine& m, Seen& seen) {
  std::string loaded = m.loaded_cuda();
  bool special = m.from_folder("p:cuda.path", "compat") || m.from_folder("p:cuda.path", "stubs");
  if (m.wsl() || !m.module_version || special || !m.version_of(loaded) || m.version_of(loaded) == m.module_version)
    return false;
  if (!m.cuda_fails()) return false;
  for (const std::string& key : m.cuda_libraries())
    if (key != loaded && m.version_of(key) == m.module_version)
      return seen.fact(loaded, "the version of the loaded module")
          .fact(key)
          .fact(m.module_version_key)
          .fact("e:LD_LIBRARY_PATH")
          .fact("p:cuda.cuInit", "0")
          .found();
  return false;
}

bool c_library_too_old(const Machine& m, Seen& seen) {
  const std::string error = m.facts.text("p:dlopen.error");
  bool loader_says = (contains(error, "GLIBC_") || contains(error, "GLIBCXX_")) && contains(error, "not found");
  if (!loader_says || !m.blocked()) return false;
  return seen.fact("p:dlopen.error", "a library that loads").fact("i:libc").found();
}

}  // namespace

const std::vector<Check> library_checks = {
    {"LIB-05", 18, Severity::blocked, Layer::library, only_64_bits},
    {"LIB-07", 20, Severity::blocked, Layer::library, broken},
    {"LIB-02", 21, Severity::blocked, Layer::library, stub},
    {"LIB-03", 22, Severity::blocked, Layer::library, compatibility_refused},
    {"LIB-04", 22, Severity::blocked, Layer::library, compatibility_mismatch},
    {"LIB-22", 24, Severity::blocked, Layer::library, c_library_too_old},
    {"LIB-08", 25, Severity::blocked, Layer::library, two_drivers},
    {"LIB-01", 55, Severity::blocked, Layer::library, none_for_this_machine},
    {"LIB-06", 70, Severity::limited, Layer::library, no_development_name},
};

}  // namespace outboard::doctor
