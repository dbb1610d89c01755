// Python programs: what they import, from which folders, in which build.
#include "doctor/probes/python.h"

#include <algorithm>
#include <set>
#include <vector>

#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

constexpr size_t most_scripts = 64;

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// The modules of "import a.b, c as d" and "from a.b import c": a and c.
void add_imports(std::string_view line, std::set<std::string>& modules) {
  std::string_view text = trim(line);
  bool from = text.starts_with("from ");
  if (!from && !text.starts_with("import ")) return;
  std::string names(text.substr(from ? 5 : 7));
  if (from) names = names.substr(0, names.find(' '));
  for (const std::string& part : split(names, ',')) {
    std::string name(trim(part));
    name = name.substr(0, name.find_first_of(". "));
    if (!name.empty()) modules.insert(name);
  }
}

// What a script imports, with the modules that lie beside it.
std::set<std::string> imports_of(const Place& place, const std::string& script) {
  std::set<std::string> modules, seen = {script};
  std::vector<std::string> left = {script};
  while (!left.empty() && seen.size() < most_scripts) {
    Reading reading = read(place, left.back(), 1 << 20);
    left.pop_back();
    std::set<std::string> here;
    for (const std::string& line : lines(reading.text)) add_imports(line, here);
    for (const std::string& name : here) {
      for (const std::string& path :
           {folder_of(script) + "/" + name + ".py", folder_of(script) + "/" + name + "/__init__.py"})
        if (is_there(place, path) && seen.insert(path).second) left.push_back(path);
      modules.insert(name);
    }
  }
  return modules;
}

// The folders of packages: PYTHONPATH, those of a virtual environment, those of the installation (site.py).
std::vector<std::string> package_folders(const Place& place, const std::string& interpreter) {
  std::vector<std::string> folders = split(place.variable("PYTHONPATH"), ':');
  auto add = [&](const std::string& pattern) {
    for (const std::string& path : find(place, pattern).paths) folders.push_back(path);
  };
  std::string prefix = folder_of(folder_of(interpreter));
  std::string settings = read(place, prefix + "/pyvenv.cfg", 65536).text;
  add(prefix + "/lib/python3*/site-packages");
  add(prefix + "/lib64/python3*/site-packages");
  bool isolated = !settings.empty() && !contains(lower(settings), "include-system-site-packages = true");
  if (isolated) return folders;
  std::string home = place.variable("HOME");
  if (!home.empty()) add(home + "/.local/lib/python3*/site-packages");
  std::string installed = folder_of(folder_of(canonical(place, interpreter, true)));
  for (const std::string& base : {installed, std::string("/usr/local")}) {
    add(base + "/lib/python3*/dist-packages");
    add(base + "/lib/python3*/site-packages");
  }
  return folders;
}

std::string quoted(const std::string& line) {
  size_t first = line.find_first_of("'\"");
  return first == std::string::npos ? "" : line.substr(first + 1, line.find_first_of("'\"", first + 1) - first - 1);
}

// torch/version.py: __version__ = '2.4.0+cu124', cuda = '12.4' or None, hip likewise.
std::string torch_build(const Place& place, const std::string& folder) {
  std::string version, cuda, hip;
  for (const std::string& line : lines(read(place, folder + "/torch/version.py", 65536).text)) {
    if (line.starts_with("__version__")) version = quoted(line);
    if (line.starts_with("cuda")) cuda = quoted(line.substr(line.find('=') == std::string::npos ? 0 : line.find('=')));
    if (line.starts_with("hip")) hip = quoted(line.substr(line.find('=') == std::string::npos ? 0 : line.find('=')));
  }
  if (version.empty()) return "";
  if (contains(version, "+")) return "torch " + version;
  return "torch " + version + (!cuda.empty() ? "+cu" + cuda : !hip.empty() ? "+rocm" + hip : "+cpu");
}

// The version in "NAME-1.2.3.dist-info"; empty: it is not installed in this folder.
std::string installed(const Place& place, const std::string& folder, const std::string& name) {
  for (const std::string& path : find(place, folder + "/" + name + "-*.dist-info").paths) {
    std::string file = path.substr(path.rfind('/') + 1);
    return file.substr(name.size() + 1, file.size() - name.size() - 1 - std::string_view(".dist-info").size());
  }
  return "";
}

std::string jax_build(const Place& place, const std::string& folder) {
  std::string version = installed(place, folder, "jaxlib");
  if (version.empty()) return "";
  bool cuda = !find(place, folder + "/jax_cuda*").paths.empty() || contains(version, "+cuda");
  bool rocm = !find(place, folder + "/jax_rocm*").paths.empty();
  return "jax " + version + (cuda ? " with its CUDA plugin" : rocm ? " with its ROCm plugin" : "+cpu");
}

std::string tensorflow_build(const Place& place, const std::string& folder) {
  std::string version = installed(place, folder, "tensorflow_cpu");
  if (!version.empty()) return "tensorflow " + version + "+cpu";
  version = installed(place, folder, "tensorflow");
  std::string build = read(place, folder + "/tensorflow/python/platform/build_info.py", 1 << 20).text;
  std::erase(build, ' ');
  bool cpu = contains(build, "'is_cuda_build',False") || contains(build, "'is_cuda_build':False") ||
             contains(build, "\"is_cuda_build\":False");
  return version.empty() ? "" : "tensorflow " + version + (cpu ? "+cpu" : "");
}

std::string onnx_build(const Place& place, const std::string& folder) {
  std::string version = installed(place, folder, "onnxruntime_gpu");
  if (!version.empty()) return "onnxruntime-gpu " + version;
  version = installed(place, folder, "onnxruntime");
  return version.empty() ? "" : "onnxruntime " + version + "+cpu";
}

struct Framework {
  const char* module;
  std::string (*build)(const Place&, const std::string& folder);
  const char* library;  // the part that needs the GPU's side libraries; null: not known
};
constexpr Framework frameworks[] = {{"torch", torch_build, "/torch/lib/libtorch_cuda.so"},
                                    {"jax", jax_build, nullptr},
                                    {"tensorflow", tensorflow_build, nullptr},
                                    {"onnxruntime", onnx_build, "/onnxruntime/capi/libonnxruntime_providers_cuda.so"}};

}  // namespace

void probe_python(const Place& place, const std::string& interpreter, const std::string& script, Sink& sink) {
  if (script.empty()) return;
  std::set<std::string> modules = imports_of(place, script);
  std::vector<std::string> folders = package_folders(place, interpreter), builds;
  for (const Framework& framework : frameworks) {
    if (!modules.contains(framework.module)) continue;
    for (const std::string& folder : folders) {
      std::string build = framework.build(place, folder);
      if (build.empty()) continue;
      builds.push_back(build);
      sink.set("p:want", contains(build, "rocm") || contains(build, "ROCm") ? "hip" : "cuda");
      std::string library = framework.library ? folder + framework.library : "";
      if (framework.library && is_there(place, library)) {
        std::vector<std::string> missing = Loader(place).missing(library);
        std::erase_if(missing, [](const std::string& name) { return name.starts_with("libcuda.so"); });
        // What the package loads before this library is found then, whatever the search says.
        std::erase_if(missing, [&](const std::string& name) {
          return !find(place, folder + "/nvidia/*/lib/" + name).paths.empty();
        });
        if (!missing.empty()) sink.set("p:app.missing", join(missing, " "));
      }
      break;
    }
  }
  if (!builds.empty()) sink.set("p:app.build", join(builds, "\n"));
}

}  // namespace outboard::doctor::probes
