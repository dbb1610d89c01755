// The machine's answers: what works, what was loaded, what stands in its lists.
#include "doctor/machine.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

constexpr std::string_view pci_root = "f:/sys/bus/pci/devices/";
constexpr size_t most_of_a_log = 1 << 18;

}  // namespace

bool software_renderer(std::string_view name) {
  for (std::string_view software :
       {"llvmpipe", "lavapipe", "softpipe", "swrast", "warp", "basic render", "swiftshader"})
    if (contains_any_case(name, software)) return true;
  return false;
}

Machine::Machine(const Facts& the_facts) : facts(the_facts) {
  find_kernel();
  find_told();
  find_pci();
  find_windows();
  find_windows_desktop();
  find_layers();
  want = lower(trimmed(facts.text("p:want")));
  if (want.empty() || want == "any" || want == "all") {
    // What the GPU at hand is bought for.
    bool cuda = wsl() || has_gpu(vendor::nvidia) || !any_gpu();
    want = cuda ? "cuda" : has_gpu(vendor::amd) ? "hip" : "opencl";
  }
}

void Machine::find_kernel() {
  kernel = std::string(trimmed(facts.text("f:/proc/sys/kernel/osrelease")));
  if (kernel.empty()) {
    auto words = parts(facts.text("f:/proc/version"), " ");
    if (words.size() > 2) kernel = words[2];
  }
  for (const std::string& line : lines(facts.text("f:/proc/modules"))) modules.insert(parts(line, " ")[0]);
  for (const char* key : {"f:/sys/module/nvidia/version", "f:/proc/driver/nvidia/version"}) {
    if (module_version) break;
    std::string text = facts.text(key);
    size_t start = text.find("Kernel Module");
    module_version_text = version_text_in(start == std::string::npos ? text : text.substr(start));
    module_version = version_in(module_version_text);
    module_version_key = key;
  }
  // Of a log that never ends, the end.
  std::string whole = facts.text("k:dmesg");
  log = flat_log(whole.size() > most_of_a_log ? std::string_view(whole).substr(whole.size() - most_of_a_log) : whole);
  lower_log_ = lower(log);
}

void Machine::find_pci() {
  for (const std::string& key : facts.matching("f:/sys/bus/pci/devices/*/vendor")) {
    PciFunction function;
    function.key = key.substr(0, key.rfind('/'));
    if (function.key.find('/', pci_root.size()) != std::string::npos) continue;  // deeper than a device
    function.vendor = number(facts.text(key), 16).value_or(0);
    function.device = number(facts.text(function.key + "/device"), 16).value_or(0);
    function.kind = number(facts.text(function.key + "/class"), 16).value_or(-1);
    std::string driver(trimmed(facts.text(function.key + "/driver")));
    function.driver = driver.substr(driver.rfind('/') + 1);
    pci.push_back(std::move(function));
  }
}

std::vector<PciFunction> Machine::gpus(long vendor) const {
  std::vector<PciFunction> found;
  for (const PciFunction& function : pci) {
    // 0x03 is a display controller, 0x12 a processing accelerator (PCI Code and ID Assignment). A function whose class
    // was not read counts for NVIDIA only: the others' functions are mostly bridges and controllers.
    bool display =
        function.kind >> 16 == 0x03 || function.kind >> 16 == 0x12 || (function.kind < 0 && vendor == vendor::nvidia);
    if (function.vendor == vendor && display) found.push_back(function);
  }
  return found;
}

bool Machine::any_gpu() const { return has_gpu(vendor::nvidia) || has_gpu(vendor::amd) || has_gpu(vendor::intel); }

const PciFunction* Machine::pci_device(long vendor, std::initializer_list<long> devices) const {
  for (const PciFunction& function : pci)
    for (long device : devices)
      if (function.vendor == vendor && function.device == device) return &function;
  return nullptr;
}

bool Machine::module_loaded() const {
  return modules.contains("nvidia") || facts.any("f:/proc/driver/nvidia/version") ||
         facts.any("f:/proc/driver/nvidia/gpus/*");
}

std::optional<Node> Machine::device(std::string_view path) const { return node(facts.text("n:" + std::string(path))); }

std::vector<std::string> Machine::nvidia_nodes() const {
  std::vector<std::string> keys;
  for (const std::string& key : facts.matching("n:/dev/nvidia*")) {
    std::string rest = key.substr(std::string_view("n:/dev/nvidia").size());
    if (rest == "ctl" || number(rest)) keys.push_back(key);
  }
  return keys;
}

bool Machine::module_for(std::string_view kernel_pattern) const {
  return facts.any("f:/lib/modules/" + std::string(kernel_pattern) + "/*nvidia.ko*");
}

bool Machine::wants(std::initializer_list<std::string_view> apis) const {
  return std::find(apis.begin(), apis.end(), want) != apis.end();
}

bool Machine::says(std::string_view key, std::string_view text) const {
  const std::string* found = facts.find(key);
  return found && lower(trimmed(*found)) == text;
}

bool Machine::cuda_fails() const {
  if (const std::string* init = facts.find("p:cuda.cuInit"); init && trimmed(*init) != "0") return true;
  if (code("p:cuda.count") == 0L) return true;
  auto context = facts.find("p:cuda.ctx");
  return context && !trimmed(*context).empty() && trimmed(*context) != "0";
}

std::optional<long> Machine::cuda_code() const {
  for (const char* key : {"p:cuda.cuInit", "p:cuda.ctx", "p:cuda.last_error"})
    if (auto value = code(key); value && *value != 0) return value;
  return std::nullopt;
}

namespace {

// Yes or no where a fact says so, else unknown.
Works seen(const std::string* fact, bool yes) {
  if (!fact) return Works::unknown;
  return yes ? Works::yes : Works::no;
}

// Whether a list of devices or renderers has one in hardware; what a tool said instead of a name is none.
bool hardware_among(std::string_view devices) {
  auto names = parts(devices, "\n;|");
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    for (std::string_view word : {"error", "unable", "failed", "cannot", "timeout"})
      if (contains_any_case(name, word)) return false;
    return !software_renderer(name) && lower(name) != "none";
  });
}

}  // namespace

Works Machine::works(std::string_view api) const {
  if (api == "none") return Works::yes;
  if (api == "cuda") {
    if (cuda_fails()) return Works::no;
    return seen(facts.find("p:cuda.cuInit"), true);
  }
  if (api == "hip") return seen(facts.find("p:hip.init"), code("p:hip.init") == 0L && code("p:hip.count") != 0L);
  if (api == "opencl") return seen(facts.find("p:cl.platforms"), code("p:cl.platforms").value_or(0) > 0);
  if (api == "vulkan") return seen(facts.find("p:vk.devices"), hardware_among(facts.text("p:vk.devices")));
  if (api == "opengl") return seen(facts.find("p:gl.renderer"), hardware_among(facts.text("p:gl.renderer")));
  if (api == "egl") return seen(facts.find("p:egl.devices"), code("p:egl.devices").value_or(0) > 0);
  if (api == "level-zero" || api == "sycl")
    return seen(facts.find("p:ze.devices"), code("p:ze.devices").value_or(0) > 0);
  if (api == "desktop") {
    auto adapters = lines(facts.text("w:rdp.adapters"));
    if (!adapters.empty()) return software_renderer(adapters[0]) ? Works::no : Works::yes;
    return rdp_encoder == Works::yes ? Works::yes : Works::unknown;
  }
  return Works::unknown;
}

// "AVC hardware encoder enabled: 1", "AVC available: 1, Initial Profile: 2048". The words are in Windows' language;
// where they are not English, the first and the last number count.
void Machine::find_windows_desktop() {
  auto number_after = [&](std::string_view key, std::string_view words, bool last) -> std::optional<long> {
    std::string text = facts.text(key);
    size_t at = lower(text).find(words);
    auto numbers = parts(at == std::string::npos ? text : text.substr(at + words.size()), " :,;.()\t\r\n");
    std::erase_if(numbers, [](const std::string& word) { return !number(word); });
    if (numbers.empty()) return std::nullopt;
    return number(at == std::string::npos && last ? numbers.back() : numbers.front());
  };
  auto told = [](std::optional<long> value) { return !value ? Works::unknown : *value ? Works::yes : Works::no; };
  rdp_encoder = told(number_after("w:rdp.event170", "encoder enabled:", false));
  rdp_avc = told(number_after("w:rdp.event162", "avc available:", false));
  rdp_profile = number_after("w:rdp.event162", "initial profile:", true);
}

bool Machine::blocked() const {
  if (want == "none") return false;
  return works(want) != Works::yes;
}

bool Machine::gl_in_software() const { return software_renderer(facts.text("p:gl.renderer")); }
bool Machine::vulkan_in_software() const { return works("vulkan") == Works::no; }

std::vector<std::string> Machine::cuda_libraries() const {
  std::vector<std::string> keys;
  for (const std::string& key : facts.matching("f:*/libcuda.so.1"))
    if (!contains(key, "/stubs/")) keys.push_back(key);
  return keys;
}

std::string Machine::loaded_cuda() const {
  std::string path(trimmed(facts.text("p:cuda.path")));
  if (!path.empty()) return "f:" + path;
  // Without a loaded one: in the order of ld.so(8), LD_LIBRARY_PATH and then the default folders.
  auto candidates = cuda_libraries();
  for (const std::string& folder : parts(facts.text("e:LD_LIBRARY_PATH"), ":"))
    if (std::string key = "f:" + folder + "/libcuda.so.1"; facts.has(key)) return key;
  for (const std::string& key : candidates)
    if (key.starts_with("f:/usr/lib") || key.starts_with("f:/lib")) return key;
  return {};
}

Version Machine::version_of(const std::string& key) const {
  const std::string* text = facts.find(key);
  return text ? library(*text).version() : Version{};
}

bool Machine::from_folder(std::string_view path_key, std::string_view folder) const {
  return contains(facts.text(path_key), "/" + std::string(folder) + "/");
}

void Machine::find_told() {
  for (const auto& [key, text] : facts.known()) {
    bool of_a_program = key.starts_with("c:") || key == "w:wsl.last_error" || key == "p:app.error";
    if (of_a_program) told_.emplace_back(key, lower(flat_log(std::string_view(text).substr(0, most_of_a_log))));
  }
}

std::string Machine::told(const std::vector<std::string>& messages) const {
  for (const auto& [key, flat] : told_)
    if (flat_holds_any(flat, messages)) return key;
  return {};
}

}  // namespace outboard::doctor
