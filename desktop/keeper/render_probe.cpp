// Draws a triangle by GLX and reads it back. libX11 and libGL are loaded, not linked: a host may have neither.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

#include "desktop/keeper/render.h"

namespace desktop {
namespace {

// Types and numbers of Xlib and GLX 1.3 as far as they are used (glx.h, gl.h: Khronos registry).
using XDisplay = struct _XDisplay;
using FbConfig = struct __GLXFBConfigRec*;
using GlxContext = struct __GLXcontextRec*;
constexpr int glx_drawable_type = 0x8010, glx_pbuffer_bit = 4, glx_render_type = 0x8011, glx_rgba_bit = 1;
constexpr int glx_pbuffer_height = 0x8040, glx_pbuffer_width = 0x8041, glx_rgba_type = 0x8014;
constexpr unsigned gl_triangles = 4, gl_rgba = 0x1908, gl_unsigned_byte = 0x1401, gl_renderer = 0x1F01;

struct Library {
  void* handle;
  template <class Function>
  bool find(Function& function, const char* name) {
    return handle && (function = reinterpret_cast<Function>(dlsym(handle, name)));
  }
};

struct Gl {
  XDisplay* (*open_display)(const char*) = nullptr;
  FbConfig* (*choose)(XDisplay*, int, const int*, int*) = nullptr;
  unsigned long (*create_pbuffer)(XDisplay*, FbConfig, const int*) = nullptr;
  GlxContext (*create_context)(XDisplay*, FbConfig, int, GlxContext, int) = nullptr;
  int (*make_current)(XDisplay*, unsigned long, unsigned long, GlxContext) = nullptr;
  void (*begin)(unsigned) = nullptr;
  void (*vertex)(float, float) = nullptr;
  void (*colour)(float, float, float) = nullptr;
  void (*end)() = nullptr;
  void (*read)(int, int, int, int, unsigned, unsigned, void*) = nullptr;
  const unsigned char* (*text)(unsigned) = nullptr;

  bool load() {
    Library x{dlopen("libX11.so.6", RTLD_NOW | RTLD_GLOBAL)}, gl{dlopen("libGL.so.1", RTLD_NOW | RTLD_GLOBAL)};
    return x.find(open_display, "XOpenDisplay") && gl.find(choose, "glXChooseFBConfig") &&
           gl.find(create_pbuffer, "glXCreatePbuffer") && gl.find(create_context, "glXCreateNewContext") &&
           gl.find(make_current, "glXMakeContextCurrent") && gl.find(begin, "glBegin") &&
           gl.find(vertex, "glVertex2f") && gl.find(colour, "glColor3f") && gl.find(end, "glEnd") &&
           gl.find(read, "glReadPixels") && gl.find(text, "glGetString");
  }
};

int fail(const char* why) {
  std::puts(why);
  return 1;
}

}  // namespace

int probe_render() {
  Gl gl;
  if (!gl.load()) return fail("libGL.so.1 is not installed");
  XDisplay* display = gl.open_display(nullptr);
  if (!display) return fail("the display does not let us in");
  const int wanted[] = {glx_drawable_type, glx_pbuffer_bit, glx_render_type, glx_rgba_bit, 0};
  int count = 0;
  FbConfig* configs = gl.choose(display, 0, wanted, &count);
  if (!configs || count == 0) return fail("the display has no OpenGL (GLX) for pictures");
  const int size[] = {glx_pbuffer_width, 16, glx_pbuffer_height, 16, 0};
  const unsigned long surface = gl.create_pbuffer(display, configs[0], size);
  GlxContext context = gl.create_context(display, configs[0], glx_rgba_type, nullptr, 1);
  if (!surface || !context || !gl.make_current(display, surface, surface, context)) return fail("no OpenGL context");
  gl.begin(gl_triangles);
  gl.colour(1, 0, 0);
  gl.vertex(-4, -4);
  gl.vertex(4, -4);
  gl.vertex(0, 4);
  gl.end();
  unsigned char pixel[4] = {};
  gl.read(8, 8, 1, 1, gl_rgba, gl_unsigned_byte, pixel);
  const auto* name = reinterpret_cast<const char*>(gl.text(gl_renderer));
  if (pixel[0] < 200 || pixel[1] > 50 || !name) return fail("OpenGL drew no triangle");
  std::puts(name);
  return 0;
}

}  // namespace desktop
