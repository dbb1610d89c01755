#include "desktop/keeper/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>

namespace desktop {
namespace {

std::string read_size(const std::string& text, Size& size) {
  char rest = 0;
  if (std::sscanf(text.c_str(), "%dx%d%c", &size.width, &size.height, &rest) != 2 || !sensible(size))
    return "a size is WIDTHxHEIGHT with 200 to 8192 pixels each, not '" + text + "'";
  return "";
}

}  // namespace

ServeOptions parse_options(int argc, char** argv) {
  ServeOptions options;
  std::string size = "1280x720";
  CLI::App app{"Offers a desktop, or one program, to RDP clients and browsers on this machine.",
               "outboard desktop serve"};
  app.add_option("--program", options.program, "Run this command line instead of a desktop; the session ends with it");
  app.add_option("--size", size, "WIDTHxHEIGHT to begin with (default 1280x720); clients may change it");
  app.add_option("--display", options.display, "Show this X display, for example :0, instead of starting one");
  app.add_option("--x-server", options.server, "auto, Xvnc or Xvfb")->check(CLI::IsMember({"auto", "Xvnc", "Xvfb"}));
  app.add_option("--port", options.port, "TCP port on 127.0.0.1 (default: a free one)")->check(CLI::Range(0, 65535));
  app.add_flag("--no-port", options.no_port, "No TCP port: only the unix socket in the session's folder");
  app.add_flag("--no-web", options.no_web, "No browser page");
  app.add_option("--encoder", options.encoder, "auto, h264_nvenc, h264_vaapi, openh264, libx264 or none")
      ->check(CLI::IsMember({"auto", "h264_nvenc", "h264_vaapi", "openh264", "libx264", "none"}));
  app.add_option("--codecs", options.codecs, "Only these of avc444, avc420, progressive, remotefx, planar")
      ->delimiter(',');
  app.add_option("--fps", options.frames_per_second, "Frames a second at most")->check(CLI::Range(1, 240));
  app.add_option("--quality", options.quality, "H.264 quantiser in motion, 0 (best) to 51")->check(CLI::Range(0, 51));
  app.add_flag("--one-time", options.one_time, "The printed password lets one client in, once");
  app.add_flag("--no-sound", options.no_sound, "No sound");
  app.add_flag("--no-clipboard", options.no_clipboard, "Do not share the clipboard");
  app.add_flag("--no-sandbox", options.no_sandbox, "Let the worker do what this user may (for debuggers)");
  app.add_flag("--json", options.json, "Print one line of JSON when ready");
  app.add_flag("--until-eof", options.until_end_of_input, "End when standard input does");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(error.get_exit_code() == 0 ? app.exit(error) : (app.exit(error), 2));
  }
  if (const std::string wrong = read_size(size, options.size); !wrong.empty()) {
    std::fprintf(stderr, "outboard: %s\n", wrong.c_str());
    std::exit(2);
  }
  return options;
}

}  // namespace desktop
