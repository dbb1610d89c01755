// The desktop itself is another program, lib/outboard/outboard-desktop: this one links neither FreeRDP nor X.
#include "cli/desktop.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace cli {
namespace {

// Does not return when it works: the keeper of the session is this very process, so that whoever started it can end it.
int become_keeper(const std::vector<std::string>& arguments) {
  std::error_code error;
  const auto bin = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::string program = (bin.parent_path() / "lib" / "outboard" / "outboard-desktop").string();
  std::vector<char*> words{const_cast<char*>(program.c_str())};
  for (const std::string& each : arguments) words.push_back(const_cast<char*>(each.c_str()));
  words.push_back(nullptr);
  execv(program.c_str(), words.data());
  if (errno == ENOENT)
    return fail("this Outboard has no desktop: " + program + " is missing; build it where freerdp2-dev is installed");
  return fail("cannot start " + program + ": " + std::strerror(errno));
}

}  // namespace

void add_desktop_serve(CLI::App& desktop, Commands& commands) {
  auto* serve = desktop.add_subcommand("serve", "Offer a desktop, or one program, to RDP clients on this machine");
  serve->prefix_command();  // the program itself reads its options; outboard desktop serve --help shows them
  serve->set_help_flag();
  commands.emplace_back(serve, [serve] { return become_keeper(serve->remaining()); });
}

void add_desktop(CLI::App& app, Commands& commands) {
  auto* desktop = app.add_subcommand("desktop", "A desktop or one program's window, drawn here, shown elsewhere");
  desktop->require_subcommand(1);
  add_desktop_serve(*desktop, commands);
  add_desktop_open(*desktop, commands);
  add_desktop_sessions(*desktop, commands);
}

}  // namespace cli
