// Library files as facts.
#include "doctor/probes/library.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

// What a file is by its path alone; the first row that matches. "" means: by its version.
struct Role {
  const char* pattern;
  const char* word;
};
constexpr std::array<Role, 23> roles = {{{"*/stubs/*", "stub"},
                                         {"*/nvidia-smi", "exe"},
                                         {"/usr/lib/wsl/lib/libcuda*", "wsl-loader"},
                                         {"/usr/lib/wsl/lib/libnvidia-ml*", "wsl-loader"},
                                         {"/usr/lib/wsl/lib/libdxcore*", "dxcore"},
                                         {"/usr/lib/wsl/lib/libd3d12*", "d3d12"},
                                         {"/usr/lib/wsl/drivers/*", "driver"},
                                         {"*/ld-musl-*", "ld"},
                                         {"*/libOpenCL.so*", "icd-loader"},
                                         {"*/libvulkan.so*", "vk-loader"},
                                         {"*/libvulkan_*", "mesa"},
                                         {"*_dri.so", "mesa"},
                                         {"*/libgallium*", "mesa"},
                                         {"*/libEGL_mesa*", "mesa"},
                                         {"*/libGLX_mesa*", "mesa"},
                                         {"*/libigdrcl*", "neo"},
                                         {"*/libpocl*", "pocl"},
                                         {"*/bin/*", "exe"},
                                         {"*/libdxcore*", "dxcore"},
                                         {"*/libd3d12*", "d3d12"},
                                         {"*/libcuda.so*", ""},
                                         {"*/lib*nvidia*", ""},
                                         {"*", "library"}}};
constexpr size_t largest_stub = 300 << 10;  // NVIDIA's are about 100 KiB, drivers 20 MiB and more

bool is_version(std::string_view text) {
  size_t dots = std::count(text.begin(), text.end(), '.');
  return dots >= 1 && dots <= 3 && std::isdigit(static_cast<unsigned char>(text.front())) &&
         text.find("..") == text.npos && text.back() != '.' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) || c == '.'; });
}

// "550.90.07" of libcuda.so.550.90.07; libcuda.so.1.1 is a name, not a version.
std::string suffix_version(const std::string& path) {
  size_t at = path.rfind(".so.");
  if (at == std::string::npos) return "";
  std::string suffix = path.substr(at + 4);
  return !suffix.empty() && is_version(suffix) && std::stod(suffix.substr(0, 6)) >= 100 ? suffix : "";
}

// NVIDIA's libraries hold a line such as "nvidia id: NVIDIA GLX Driver API 550.90.07 Release Build".
std::string text_version(std::string_view bytes) {
  for (size_t at = bytes.find("nvidia id: "); at != std::string_view::npos; at = bytes.find("nvidia id: ", at + 1)) {
    std::string_view line = bytes.substr(at, 200);
    for (const std::string& part : split(line.substr(0, line.find('\0')), ' '))
      if (is_version(part) && part.size() >= 6) return part;
  }
  return "";
}

// Flatpak's extension for a driver lies in a folder of its version: GL/nvidia-550-90-07.
std::string folder_version(const std::string& path) {
  size_t at = path.find("/GL/nvidia-");
  if (at == std::string::npos) return "";
  std::string version = path.substr(at + 11, path.find('/', at + 11) - at - 11);
  std::replace(version.begin(), version.end(), '-', '.');
  return is_version(version) ? version : "";
}

std::string role_of(const Place& place, const std::string& path, std::string_view bytes) {
  const char* word = "library";
  for (const Role& role : roles)
    if (fnmatch(role.pattern, path.c_str(), 0) == 0) {
      word = role.word;
      break;
    }
  bool is_cuda = contains(path, "/libcuda.so");
  if (is_cuda && bytes.size() < (64 << 20) && contains(bytes, "OUTBOARD_TARGET")) return "outboard";
  if (*word && std::string_view(word) != "library") return word;
  std::string version = suffix_version(canonical(place, path, true));
  if (version.empty()) version = folder_version(path);
  if (version.empty() && !*word) version = text_version(bytes);
  if (!version.empty()) return version;
  if (is_cuda && bytes.size() < largest_stub) return "stub";
  return *word ? word : "unversioned";
}

}  // namespace

std::string nvidia_version(const Place& place, const std::string& path) {
  std::string version = suffix_version(canonical(place, path, true));
  if (!version.empty()) return version;
  Mapped file(place, path);
  return text_version(file.bytes());
}

void say_library(const Place& place, const std::string& path, Sink& sink) {
  Mapped file(place, path);
  std::string key = "f:" + path;
  if (file.state() == State::absent) {
    if (!link_target(place, path).empty()) sink.set(key, "broken link");
    return;
  }
  if (file.state() == State::unreadable) return sink.unknown(key, file.why());
  if (file.bytes().empty()) return sink.set(key, "");
  std::optional<Elf> elf = read_elf(file.bytes(), file.bytes().size());
  if (!elf) return sink.set(key, "not ELF, " + std::to_string(file.bytes().size()) + " bytes");
  std::string description = describe(*elf);
  if (contains(path, "/ld-musl-")) description = "ELF" + std::to_string(elf->bits) + " " + elf->machine + " musl";
  sink.set(key, description + " " + role_of(place, path, file.bytes()));
}

}  // namespace outboard::doctor::probes
