// outboard desktop open: a desktop of another machine, shown here.
#include <memory>

#include "cli/desktop.h"
#include "desktop/open/open.h"

namespace cli {

void add_desktop_open(CLI::App& desktop, Commands& commands) {
  auto options = std::make_shared<desktop::OpenOptions>();
  auto* open = desktop.add_subcommand("open", "Show a desktop, or one program, of another machine here");
  open->add_option("target", options->target,
                   "Where it runs: local, a name from outboard targets, unix:PATH, ssh://HOST, via:COMMAND ...")
      ->required();
  open->add_option("--program", options->program, "One program instead of a desktop")->type_name("COMMAND");
  open->add_option("--size", options->size, "The first size, for example 1280x720")->type_name("WxH");
  open->add_option("--client", options->client, "auto, mstsc, xfreerdp, remmina or web: what shows it here")
      ->capture_default_str();
  commands.emplace_back(open, [options] {
    base::Status ended = desktop::open(*options);
    return ended ? 0 : fail(ended.error());
  });
}

}  // namespace cli
