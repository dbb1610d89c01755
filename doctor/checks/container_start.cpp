// Engines that refuse to start a container with a GPU: what they said, and how they are set up.
#include "doctor/checks/subjects.h"

namespace outboard::doctor {

namespace {

std::vector<std::string> specifications(const Machine& m) {
  std::vector<std::string> keys;
  for (const char* folder : {"f:/etc/cdi/*", "f:/var/run/cdi/*", "f:/run/cdi/*"})
    for (std::string& key : m.facts.matching(folder)) keys.push_back(std::move(key));
  return keys;
}

bool docker_is_a_snap(const Machine& m) {
  if (m.facts.any("f:/snap/docker/*")) return true;
  for (const std::string& key : m.facts.matching("c:docker*"))
    if (contains(m.facts.text(key), "/run/snap.docker") || contains(m.facts.text(key), "/snap/docker/")) return true;
  return false;
}

bool desktop_context(const Machine& m) {
  return contains(m.facts.text("c:docker.context"), "desktop-linux") ||
         contains(m.facts.text("e:DOCKER_HOST"), ".docker/desktop");
}

bool hyperv_backend(const Machine& m) {
  std::string backend = lower(m.facts.text("w:docker.backend"));
  return contains(backend, "hyper-v") || contains(backend, "hyperv") || contains(backend, "windows") ||
         (contains(backend, "wslengineenabled") && contains(backend, "false"));
}

bool toolkit_missing(const Machine& m, Seen& seen) {
  if (desktop_context(m) || hyperv_backend(m) || docker_is_a_snap(m)) return false;
  if (!told_of(m, seen, "DOCK-02")) return false;
  if (specifications(m).empty()) seen.missing("a CDI specification in /etc/cdi or /var/run/cdi");
  return seen.fact("c:docker.info").found();
}

bool no_cdi_vendor(const Machine& m, Seen& seen) { return told_of(m, seen, "DOCK-03"); }
bool runtime_not_registered(const Machine& m, Seen& seen) {
  return told_of(m, seen, "DOCK-04") && seen.fact("f:/etc/docker/daemon.json", "runtimes.nvidia").found();
}

bool desktop_on_linux(const Machine& m, Seen& seen) {
  bool inside = m.docker && m.docker_desktop_vm && !m.mac && !m.wsl() && !m.any_gpu() && m.blocked();
  bool outside = desktop_context(m) && !m.wsl() && told_of(m, seen, "DOCK-02");
  if (!outside && !inside) return false;
  if (inside && !outside) seen.is(Surety::possible).fact("f:/proc/version", "the kernel of this machine");
  return seen.fact("c:docker.context", "default").fact("e:DOCKER_HOST").found();
}

bool desktop_on_hyperv(const Machine& m, Seen& seen) {
  bool tried = m.docker || m.facts.any("c:docker*") || m.blocked();
  if (!hyperv_backend(m) || !tried) return false;
  told_of(m, seen, "DOCK-02");
  return seen.fact("w:docker.backend", "WSL 2").found();
}

bool no_adapters_in_wsl(const Machine& m, Seen& seen) { return told_of(m, seen, "DOCK-07"); }

bool wsl_not_recognised(const Machine& m, Seen& seen) {
  return m.wsl2 && !docker_is_a_snap(m) && told_of(m, seen, "DOCK-08");
}

bool snap_in_wsl(const Machine& m, Seen& seen) {
  if (!m.wsl2 || !docker_is_a_snap(m)) return false;
  if (!told_of(m, seen, "DOCK-12") && !told_of(m, seen, "DOCK-13")) return false;
  return seen.facts(m.facts.matching("f:/snap/docker/*")).found();
}

bool snap_on_linux(const Machine& m, Seen& seen) {
  if (m.wsl() || !docker_is_a_snap(m) || !told_of(m, seen, "DOCK-13")) return false;
  return seen.facts(m.facts.matching("f:/snap/docker/*")).found();
}

bool driver_in_image(const Machine& m, Seen& seen) { return told_of(m, seen, "DOCK-14"); }
bool image_wants_newer(const Machine& m, Seen& seen) {
  return told_of(m, seen, "DOCK-15") && seen.fact("p:cuda.driver").fact("e:NVIDIA_REQUIRE_CUDA").found();
}
bool driver_hangs(const Machine& m, Seen& seen) { return told_of(m, seen, "DOCK-16"); }
bool driver_not_loaded(const Machine& m, Seen& seen) { return told_of(m, seen, "DOCK-17"); }
bool rootless(const Machine& m, Seen& seen) { return told_of(m, seen, "DOCK-19"); }
bool no_specification(const Machine& m, Seen& seen) {
  if (!told_of(m, seen, "DOCK-20")) return false;
  if (specifications(m).empty()) seen.missing("a CDI specification in /etc/cdi or /var/run/cdi");
  return seen.found();
}
bool engine_without_cdi(const Machine& m, Seen& seen) {
  return told_of(m, seen, "DOCK-21") && seen.fact("c:podman.version").found();
}

// Folders of the driver store that a specification mounts and that are no longer there.
bool stale_store(const Machine& m, Seen& seen) {
  constexpr std::string_view store = "/usr/lib/wsl/drivers/";
  if (!m.wsl2 || m.container || !m.facts.any("f:/usr/lib/wsl/drivers/*")) return false;
  for (const std::string& key : specifications(m)) {
    const std::string text = m.facts.text(key);
    for (size_t at = text.find(store); at != std::string::npos; at = text.find(store, at + 1)) {
      size_t start = at + store.size(), end = text.find_first_of("/\"' \n,", start);
      std::string folder = text.substr(start, end - start);
      if (folder.empty() || m.facts.any("f:" + std::string(store) + folder + "/*")) continue;
      return seen.line(key, folder, "a folder that exists")
          .missing(std::string(store) + folder)
          .facts(m.facts.matching("f:/usr/lib/wsl/drivers/*/libcuda.so.1.1"))
          .found();
    }
  }
  return false;
}

// Versions of the driver's libraries that a specification mounts, against the loaded module.
bool stale_version(const Machine& m, Seen& seen) {
  if (m.wsl() || m.container || !m.module_version) return false;
  for (const std::string& key : specifications(m)) {
    const std::string text = m.facts.text(key);
    for (std::string_view name : {"libcuda.so.", "libnvidia-ml.so."})
      for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
        std::string_view rest = std::string_view(text).substr(at + name.size());
        Version version = version_in(rest.substr(0, rest.find_first_not_of("0123456789.")));
        if (version.major() < 100 || version == m.module_version) continue;
        return seen.line(key, std::string(name) + std::to_string(version.major()), "the version of the loaded module")
            .fact(m.module_version_key)
            .found();
      }
  }
  return false;
}

}  // namespace

const std::vector<Check> container_start_checks = {
    {"DOCK-23", 54, Severity::blocked, Layer::container, stale_version},
    {"DOCK-11", 55, Severity::blocked, Layer::container, stale_store},
    {"DOCK-12", 56, Severity::blocked, Layer::container, snap_in_wsl},
    {"DOCK-13", 56, Severity::blocked, Layer::container, snap_on_linux},
    {"DOCK-06", 57, Severity::blocked, Layer::container, desktop_on_hyperv},
    {"DOCK-05", 58, Severity::blocked, Layer::container, desktop_on_linux},
    {"DOCK-14", 59, Severity::blocked, Layer::container, driver_in_image},
    {"DOCK-15", 59, Severity::blocked, Layer::container, image_wants_newer},
    {"DOCK-19", 59, Severity::blocked, Layer::container, rootless},
    {"DOCK-20", 59, Severity::blocked, Layer::container, no_specification},
    {"DOCK-21", 59, Severity::blocked, Layer::container, engine_without_cdi},
    {"DOCK-02", 60, Severity::blocked, Layer::container, toolkit_missing},
    {"DOCK-03", 60, Severity::blocked, Layer::container, no_cdi_vendor},
    {"DOCK-04", 60, Severity::blocked, Layer::container, runtime_not_registered},
    {"DOCK-07", 62, Severity::blocked, Layer::container, no_adapters_in_wsl},
    {"DOCK-08", 63, Severity::blocked, Layer::container, wsl_not_recognised},
    {"DOCK-16", 64, Severity::blocked, Layer::container, driver_hangs},
    {"DOCK-17", 65, Severity::blocked, Layer::container, driver_not_loaded},
};

}  // namespace outboard::doctor
