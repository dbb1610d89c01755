// The programs that show a desktop here: which of them there is, and how it is called.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace desktop {

// What a viewer has to know.
struct Door {
  int port = 0;  // on 127.0.0.1
  std::string user, password;
  std::string certificate;  // SHA-256, hex with colons
  std::string token;        // for the page
  std::string size;         // "1280x720"; empty: the viewer's choice
};

// What there is on this machine.
struct Surroundings {
  bool wsl = false;
  bool display = false;                                         // an X or Wayland display to draw on
  std::function<std::string(const std::string& name)> program;  // its path; empty: there is none
  static Surroundings here();
};

enum class ViewerKind { mstsc, xfreerdp, remmina, web };

struct Viewer {
  ViewerKind kind = ViewerKind::web;
  std::string name;  // "mstsc.exe"
  std::string path;  // empty: none is started, the address is shown
  bool is_web() const { return kind == ViewerKind::web; }
};

// `wanted` is auto, mstsc, xfreerdp, remmina or web.
base::Result<Viewer> choose_viewer(const std::string& wanted, const Surroundings& here);

// How it is called.
struct Call {
  std::vector<std::string> before, words, after;  // commands; before and after may be empty
  std::string input;                              // for its standard input
  std::string say;                                // for the person at the terminal
};
Call call_of(const Viewer& viewer, const Door& door, const Surroundings& here);

}  // namespace desktop
