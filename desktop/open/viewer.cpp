#include "desktop/open/viewer.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace desktop {

namespace {

constexpr const char* windows_folder = "/mnt/c/Windows/System32/";

struct Row {
  ViewerKind kind;
  const char* wanted;
  std::vector<const char*> programs;  // the first that there is
};
const std::vector<Row>& rows() {
  static const std::vector<Row> table = {{ViewerKind::mstsc, "mstsc", {"mstsc.exe"}},
                                         {ViewerKind::xfreerdp, "xfreerdp", {"xfreerdp3", "xfreerdp"}},
                                         {ViewerKind::remmina, "remmina", {"remmina"}},
                                         {ViewerKind::web, "web", {"xdg-open", "wslview"}}};
  return table;
}

bool can_run(ViewerKind kind, const Surroundings& here) {
  if (kind == ViewerKind::web) return true;
  return kind == ViewerKind::mstsc ? here.wsl : here.display;
}

Viewer viewer_of(const Row& row, const Surroundings& here) {
  Viewer viewer{row.kind, row.wanted, ""};
  for (const char* name : row.programs)
    if (viewer.path.empty()) {
      viewer.path = here.program(name);
      if (!viewer.path.empty()) viewer.name = name;
    }
  if (row.kind == ViewerKind::web && !here.display && !here.wsl) viewer.path.clear();
  return viewer;
}

std::string address(const Door& door) { return "127.0.0.1:" + std::to_string(door.port); }

// Without an .rdp file: since April 2026 Windows shows a warning for each of those and switches redirections off.
Call call_mstsc(const Viewer& viewer, const Door& door, const Surroundings& here) {
  Call call;
  call.words = {viewer.path, "/v:" + address(door)};
  size_t cross = door.size.find('x');
  if (cross != std::string::npos) {
    call.words.push_back("/w:" + door.size.substr(0, cross));
    call.words.push_back("/h:" + door.size.substr(cross + 1));
  }
  // Windows' store of credentials, from which the password goes again when the session ends.
  if (std::string store = here.program("cmdkey.exe"); !store.empty()) {
    call.before = {store, "/generic:TERMSRV/127.0.0.1", "/user:" + door.user, "/pass:" + door.password};
    call.after = {store, "/delete:TERMSRV/127.0.0.1"};
  }
  call.say = "user " + door.user + ", password " + door.password + ", should Windows ask";
  return call;
}

// gdi:hw puts pictures onto the window as they are decoded; the usual way keeps a second picture and copies twice.
Call call_xfreerdp(const Viewer& viewer, const Door& door) {
  Call call;
  call.words = {viewer.path,   "/v:" + address(door), "/u:" + door.user,     "/from-stdin", "/gdi:hw",
                "/gfx:AVC444", "+clipboard",          "/dynamic-resolution", "/sound"};
  if (!door.certificate.empty()) call.words.push_back("/cert:fingerprint:sha256:" + door.certificate);
  if (!door.size.empty()) call.words.push_back("/size:" + door.size);
  call.input = door.password + "\n";  // a password in the arguments can be read by every user (proc(5), cmdline)
  return call;
}

}  // namespace

Surroundings Surroundings::here() {
  Surroundings here;
  auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value && *value;
  };
  std::ifstream release("/proc/sys/kernel/osrelease");
  std::stringstream kernel;
  kernel << release.rdbuf();
  here.wsl = set("WSL_DISTRO_NAME") || set("WSL_INTEROP") || kernel.str().find("microsoft") != std::string::npos;
  here.display = set("DISPLAY") || set("WAYLAND_DISPLAY");
  here.program = [wsl = here.wsl](const std::string& name) -> std::string {
    const char* path = std::getenv("PATH");
    std::istringstream folders(path ? path : "/usr/local/bin:/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');)
      if (std::string file = folder + "/" + name; !folder.empty() && access(file.c_str(), X_OK) == 0) return file;
    std::string file = windows_folder + name;
    return wsl && name.ends_with(".exe") && access(file.c_str(), X_OK) == 0 ? file : "";
  };
  return here;
}

base::Result<Viewer> choose_viewer(const std::string& wanted, const Surroundings& here) {
  for (const Row& row : rows()) {
    Viewer viewer = viewer_of(row, here);
    bool there = viewer.is_web() || !viewer.path.empty();
    if (wanted == "auto" && there && can_run(row.kind, here)) return viewer;
    if (wanted != row.wanted) continue;
    if (!there) return base::Error{"there is no " + wanted + " here; --client auto takes what there is"};
    if (row.kind == ViewerKind::mstsc && !here.wsl) return base::Error{"mstsc is Windows' client: it needs WSL"};
    if (!can_run(row.kind, here)) return base::Error{wanted + " needs a display, and DISPLAY is not set"};
    return viewer;
  }
  return base::Error{"there is no client '" + wanted + "'; auto, mstsc, xfreerdp, remmina and web are known"};
}

Call call_of(const Viewer& viewer, const Door& door, const Surroundings& here) {
  if (viewer.kind == ViewerKind::mstsc) return call_mstsc(viewer, door, here);
  if (viewer.kind == ViewerKind::xfreerdp) return call_xfreerdp(viewer, door);
  Call call;
  if (viewer.kind == ViewerKind::remmina) {
    call.words = {viewer.path, "-c", "rdp://" + door.user + "@" + address(door)};
    call.say = "Remmina asks for the password: " + door.password;
    return call;
  }
  const std::string page = "http://" + address(door) + "/#" + door.token;
  if (!viewer.path.empty()) call.words = {viewer.path, page};
  call.say = "the desktop is at " + page + " (good once, for one browser)";
  return call;
}

}  // namespace desktop
