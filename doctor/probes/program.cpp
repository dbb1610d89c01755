// Programs, read.
#include "doctor/probes/program.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "doctor/probes/command.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/python.h"
#include "image/embedded.h"

namespace outboard::doctor::probes {

namespace {

// A library that a program needs, or a name that it holds to load by itself, and the interface that this is.
struct Use {
  const char* start;
  const char* interface;
};
constexpr std::array uses = {
    Use{"libcuda.so", "cuda"},      Use{"libcudart.so", "cuda"},   Use{"libcublas", "cuda"},
    Use{"libcudnn", "cuda"},        Use{"libcufft", "cuda"},       Use{"libnvrtc", "cuda"},
    Use{"libtorch_cuda", "cuda"},   Use{"libggml-cuda", "cuda"},   Use{"libamdhip64", "hip"},
    Use{"libhsa-runtime64", "hip"}, Use{"libOpenCL.so", "opencl"}, Use{"libvulkan.so", "vulkan"},
    Use{"libEGL.so", "egl"},        Use{"libGL.so", "opengl"},     Use{"libGLX.so", "opengl"},
    Use{"libOpenGL.so", "opengl"},  Use{"libGLESv2.so", "egl"}};
// The driver's own libraries come with the driver: that they are missing is no fault of the program.
constexpr std::array of_the_driver = {"libcuda.so", "libnvidia-ml.so", "libnvcuvid", "libnvidia-"};

bool starts_with_any(const std::string& name, std::span<const char* const> starts) {
  return std::any_of(starts.begin(), starts.end(), [&](const char* start) { return name.starts_with(start); });
}

std::string joined(const std::set<std::string>& names) { return join({names.begin(), names.end()}, " "); }

void say_code(std::string_view bytes, bool has_static_runtime, Sink& sink) {
  const image::Embedded code = image::embedded_code(bytes);
  std::vector<std::string> names;
  for (const std::string& name : code.machine) names.push_back("sm_" + name);
  for (const std::string& name : code.ptx) names.push_back("compute_" + name);
  if (!names.empty()) sink.set("p:app.architectures", join(names, " "));
  if (code.newest_isa == 0) return;
  sink.set("p:app.ptx_isa", std::to_string(code.newest_isa / 10) + "." + std::to_string(code.newest_isa % 10));
  if (const int release = image::release_of_isa(code.newest_isa); has_static_runtime && release)
    sink.set("p:cudart.version", std::to_string(release));
}

// The first interface decides what the doctor looks at, in the order of what blocks a program.
void say_wanted(const std::set<std::string>& interfaces, Sink& sink) {
  for (const char* name : {"cuda", "hip", "opencl", "vulkan", "egl", "opengl"})
    if (interfaces.contains(name)) return sink.set("p:want", name);
}

void probe_elf(const Place& place, const std::string& path, Sink& sink) {
  Mapped file(place, path);
  std::optional<Elf> elf = read_elf(file.bytes(), file.bytes().size());
  if (!elf) return;
  sink.set("p:app.kind", describe(*elf));
  sink.set("p:proc.elfclass", std::to_string(elf->bits));
  if (!elf->needed.empty()) sink.set("p:app.needed", join(elf->needed, " "));
  std::set<std::string> interfaces;
  std::string_view constants = elf_section(file.bytes(), ".rodata");
  for (const Use& use : uses) {
    auto needs = [&](const std::string& name) { return name.starts_with(use.start); };
    bool by_name = contains(constants, use.start);
    if (by_name || std::any_of(elf->needed.begin(), elf->needed.end(), needs)) interfaces.insert(use.interface);
  }
  bool has_static_runtime = image::holds_runtime(file.bytes());
  if (has_static_runtime) {
    interfaces.insert("cuda");
    sink.set("p:app.cudart", "static");
  }
  if (!interfaces.empty()) sink.set("p:app.uses", joined(interfaces));
  say_wanted(interfaces, sink);
  say_code(file.bytes(), has_static_runtime, sink);
}

void probe_needs(const Place& place, const std::string& path, Sink& sink) {
  Mapped file(place, path);
  std::optional<Elf> elf = read_elf(file.bytes(), file.bytes().size());
  if (!elf) return;
  Loader loader(place);
  std::vector<std::string> missing = loader.missing(path);
  std::erase_if(missing, [](const std::string& name) { return starts_with_any(name, of_the_driver); });
  sink.set("p:app.missing", join(missing, " "));
  for (const std::string& name : elf->needed)
    if (name.starts_with("libcudart.so.")) {
      Resolved runtime = loader.resolve(name, Loader::asker(*elf, canonical(place, path, true)));
      const int release = image::release_of_library(runtime.path.empty() ? name : canonical(place, runtime.path, true));
      if (release) sink.set("p:cudart.version", std::to_string(release));
      sink.set("p:app.cudart", in_true_folder(place, runtime.path));
    }
}

std::string where(const Place& place, const std::string& name) {
  if (name.find('/') == std::string::npos) return place.real() ? find_command(place, name) : "";
  return is_there(place, name) ? name : "";
}

// "#!/usr/bin/env python3" or "#!/opt/venv/bin/python".
std::string interpreter(const Place& place, std::string_view first_line) {
  std::vector<std::string> words = split(trim(first_line.substr(2)), ' ');
  if (words.empty()) return "";
  bool by_env = words[0].ends_with("/env") && words.size() > 1;
  std::string name = by_env ? words[words[1] == "-S" && words.size() > 2 ? 2 : 1] : words[0];
  return where(place, name);
}

bool names_python(const std::string& path) { return path.substr(path.rfind('/') + 1).starts_with("python"); }

// The script among the words after the interpreter: "-c TEXT" is none, and says so with an empty one.
std::string script_of(const Place& place, std::span<const std::string> words) {
  for (size_t at = 0; at < words.size(); ++at) {
    if (words[at] == "-c" || words[at] == "-m") return "";
    if (words[at] == "-W" || words[at] == "-X")
      ++at;
    else if (!words[at].starts_with('-'))
      return is_there(place, words[at]) ? words[at] : "";
  }
  return "";
}

}  // namespace

base::Result<Program> find_program(const Place& place, const std::vector<std::string>& command) {
  if (command.empty()) return base::Error{"no program was named"};
  Program program;
  program.path = where(place, command[0]);
  if (program.path.empty()) return base::Error{"there is no program " + command[0]};
  Reading start = read(place, program.path, 4096);
  if (start.state == State::unreadable)
    return base::Error{"the program " + program.path + " cannot be read: " + start.why};
  if (read_elf(start.text, UINT64_MAX)) {
    program.is_python = names_python(program.path);
    if (program.is_python) program.script = script_of(place, std::span(command).subspan(1));
    return program;
  }
  if (!start.text.starts_with("#!")) return base::Error{program.path + " is neither an ELF program nor a script"};
  program.script = program.path;
  program.path = interpreter(place, start.text.substr(0, start.text.find('\n')));
  if (program.path.empty()) return base::Error{"the interpreter that " + program.script + " names is not there"};
  program.is_python = names_python(program.path);
  return program;
}

std::vector<Probe> program_probes(const Program& program) {
  std::string path = program.path, script = program.script;
  std::vector<Probe> probes = {
      {"program", "p:app.kind p:app.architectures p:app.uses", usual_time,
       [path, script](const Place& place, Sink& sink) {
         sink.set("p:app.path", script.empty() ? path : script);
         probe_elf(place, path, sink);
       }},
  };
  if (!program.is_python)
    probes.push_back({"program's libraries", "p:app.missing", usual_time,
                      [path](const Place& place, Sink& sink) { probe_needs(place, path, sink); }});
  else
    probes.push_back({"program's Python packages", "p:app.build p:app.missing", usual_time,
                      [path, script](const Place& place, Sink& sink) { probe_python(place, path, script, sink); }});
  return probes;
}

}  // namespace outboard::doctor::probes
