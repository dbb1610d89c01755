#include "desktop/keeper/render.h"

#include <unistd.h>

#include <filesystem>

#include "base/log.h"
#include "desktop/keeper/child.h"

namespace desktop {
namespace {

struct Way {
  const char* name;
  std::vector<std::string> prefix;
  std::map<std::string, std::string> environment;
  bool (*possible)();
  const char* impossible;
};

bool has_device() {
  std::error_code error;
  if (access("/dev/nvidiactl", R_OK | W_OK) == 0 || access("/dev/dxg", R_OK | W_OK) == 0) return true;
  for (const auto& each : std::filesystem::directory_iterator("/dev/dri", error))
    if (access(each.path().c_str(), R_OK | W_OK) == 0) return true;
  return false;
}

// In order. The display's own way is a GPU's where an Xorg of the GPU's driver is attached, or Xvnc has a render node.
const Way ways[] = {
    {"the display's own", {}, {}, [] { return true; }, ""},
    {"NVIDIA over DRI3",
     {},
     {{"__GLX_VENDOR_LIBRARY_NAME", "nvidia"}},
     [] { return access("/dev/nvidiactl", R_OK | W_OK) == 0; },
     "no NVIDIA device"},
    {"VirtualGL, egl0", {"vglrun", "-d", "egl0"}, {}, [] { return is_installed("vglrun"); }, "vglrun is not installed"},
    {"Zink over Vulkan",
     {},
     {{"MESA_LOADER_DRIVER_OVERRIDE", "zink"}, {"GALLIUM_DRIVER", "zink"}},
     has_device,
     "no GPU device"},
};

bool is_software(const std::string& renderer) {
  for (const char* each : {"llvmpipe", "softpipe", "swrast", "Software Rasterizer", "lavapipe"})
    if (renderer.find(each) != renderer.npos) return true;
  return false;
}

base::Result<std::string> try_way(const Way& way, const Display& display) {
  if (!way.possible()) return base::Error{way.impossible};
  ChildOptions probe;
  probe.command = way.prefix;
  std::error_code error;
  // By its path: to vglrun /proc/self/exe is vglrun.
  const std::string self = std::filesystem::read_symlink("/proc/self/exe", error).string();
  probe.command.insert(probe.command.end(), {self, "--probe-render"});
  probe.environment = way.environment;
  probe.environment["DISPLAY"] = display.number;
  if (!display.authority.empty()) probe.environment["XAUTHORITY"] = display.authority;
  std::string text = TRY(ask_program(probe, std::chrono::seconds(10)));
  return text.substr(0, text.find('\n'));
}

}  // namespace

RenderPath choose_render_path(const Display& display) {
  RenderPath software;
  std::string why;
  for (const Way& way : ways) {
    auto renderer = try_way(way, display);
    base::log(base::Level::info, "render",
              {{"way", way.name}, {"renderer", renderer ? renderer.value() : renderer.error()}});
    if (renderer && !is_software(renderer.value()))
      return {renderer.value() + " (" + way.name + ")", way.prefix, way.environment};
    if (renderer && software.description.empty()) software.description = renderer.value();
    why += (why.empty() ? "" : "; ") + std::string(way.name) + ": " + (renderer ? "software" : renderer.error());
  }
  if (software.description.empty()) software.description = "no OpenGL";
  software.description += ", software (" + why + ")";
  return software;
}

}  // namespace desktop
