// Asks EGL for devices and OpenGL for its renderer, in this child. EGL 1.5; EGL_EXT_device_enumeration;
// EGL_MESA_device_software.
#include <algorithm>
#include <array>
#include <string>

#include "doctor/probes/driver_library.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

using Handle = void*;
constexpr unsigned opengl_api = 0x30A2, platform_device = 0x313F, platform_surfaceless = 0x31DD;
constexpr int extensions = 0x3055, none = 0x3038, surface_type = 0x3033, renderable_type = 0x3040, opengl_bit = 8;
constexpr unsigned gl_renderer = 0x1F01;

// The functions of EGL by their names in the specification.
class Egl {
 public:
  explicit Egl(const Place& place) : library(place, "libEGL.so.1") {}
  explicit operator bool() const { return library.function<void>("eglInitialize") != nullptr; }
  template <class Function>
  Function* of(const char* name) const {
    if (auto* found = library.function<Function>(name)) return found;
    auto* get = library.function<void*(const char*)>("eglGetProcAddress");
    return reinterpret_cast<Function*>(get ? get(name) : nullptr);
  }
  DriverLibrary library;
};

std::vector<Handle> devices_of(const Egl& egl, bool with_software) {
  auto* query = egl.of<unsigned(int, Handle*, int*)>("eglQueryDevicesEXT");
  auto* text = egl.of<const char*(Handle, int)>("eglQueryDeviceStringEXT");
  std::array<Handle, 32> all = {};
  int count = 0;
  std::vector<Handle> devices;
  if (!query || !query(all.size(), all.data(), &count)) return devices;
  for (int index = 0; index < std::min<int>(count, all.size()); ++index) {
    const char* said = text ? text(all[index], extensions) : nullptr;
    bool software = said && contains(said, "EGL_MESA_device_software");
    if (with_software || !software) devices.push_back(all[index]);
  }
  return devices;
}

// The display of the window system, the first device, or none at all: whatever can be initialised first.
Handle display_of(const Place& place, const Egl& egl) {
  auto* initialize = egl.of<unsigned(Handle, int*, int*)>("eglInitialize");
  auto* get_platform = egl.of<Handle(unsigned, void*, const int*)>("eglGetPlatformDisplayEXT");
  std::vector<Handle> displays;
  bool windows = place.environment.contains("DISPLAY") || place.environment.contains("WAYLAND_DISPLAY");
  if (auto* get = egl.of<Handle(Handle)>("eglGetDisplay"); get && windows) displays.push_back(get(nullptr));
  if (get_platform) {
    for (Handle device : devices_of(egl, false)) displays.push_back(get_platform(platform_device, device, nullptr));
    displays.push_back(get_platform(platform_surfaceless, nullptr, nullptr));
  }
  for (Handle display : displays) {
    int major = 0, minor = 0;
    if (display && initialize(display, &major, &minor)) return display;
  }
  return nullptr;
}

std::string renderer(const Egl& egl, Handle display) {
  auto* bind = egl.of<unsigned(unsigned)>("eglBindAPI");
  auto* choose = egl.of<unsigned(Handle, const int*, Handle*, int, int*)>("eglChooseConfig");
  auto* create = egl.of<Handle(Handle, Handle, Handle, const int*)>("eglCreateContext");
  auto* make_current = egl.of<unsigned(Handle, Handle, Handle, Handle)>("eglMakeCurrent");
  if (!bind || !choose || !create || !make_current || !bind(opengl_api)) return "";
  constexpr std::array<int, 5> wanted = {surface_type, 0, renderable_type, opengl_bit, none};
  Handle config = nullptr;
  int count = 0;
  choose(display, wanted.data(), &config, 1, &count);
  Handle context = create(display, count > 0 ? config : nullptr, nullptr, nullptr);
  if (!context || !make_current(display, nullptr, nullptr, context)) return "";
  auto* get_string = egl.of<const char*(unsigned)>("glGetString");
  const char* text = get_string ? get_string(gl_renderer) : nullptr;
  return text ? text : "";
}

}  // namespace

void probe_egl(const Place& place, Sink& sink) {
  sink.asking("p:egl.devices");
  Egl egl(place);
  if (!egl) {
    sink.set("p:egl.devices", "0");
    return sink.set("p:egl.error", egl.library ? "libEGL.so.1 is no EGL" : egl.library.error());
  }
  sink.set("p:egl.devices", std::to_string(devices_of(egl, false).size()));
}

void probe_opengl(const Place& place, Sink& sink) {
  sink.asking("p:gl.renderer");
  Egl egl(place);
  Handle display = egl ? display_of(place, egl) : nullptr;
  if (!display) {
    sink.set("p:gl.renderer", "");
    return sink.set("p:gl.error", egl ? "no EGL display can be initialised" : egl.library.error());
  }
  sink.set("p:gl.renderer", renderer(egl, display));
}

}  // namespace outboard::doctor::probes
