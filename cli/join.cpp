#include "cli/join.h"

#include <iostream>
#include <memory>

#include "cli/targets.h"
#include "client/joined.h"

namespace cli {
namespace {

struct Wanted {
  std::string line, name, gone;
};

int join(const Wanted& wanted) {
  std::string line = wanted.line;
  if (line == "-") std::getline(std::cin, line);  // so that it need not stand in the shell's history
  auto joined = client::parse_join_line(line);
  if (!joined) return fail(joined.error());
  if (!wanted.name.empty()) joined.value().name = wanted.name;
  base::Status kept = client::keep(joined.value());
  if (!kept) return fail(kept.error());
  Target target = probe(joined.value().name);
  std::printf("joined %s: %s\n", joined.value().name.c_str(), plain(target.detail).c_str());
  if (!target.works) return 1;
  std::printf("run programs there with: outboard run --on %s -- CMD\n", joined.value().name.c_str());
  return 0;
}

int leave(const std::string& name) {
  base::Status gone = client::forget(name);
  return gone ? 0 : fail(gone.error());
}

}  // namespace

void add_join(CLI::App& app, Commands& commands) {
  auto wanted = std::make_shared<Wanted>();
  auto* in = app.add_subcommand(
      "join", "Keep a server's join line, or the address of a machine or cluster, so that --on NAME finds it");
  in->add_option("line", wanted->line,
                 "What outboard token create printed, ssh://... or slurm://...; -: read it from standard input")
      ->required();
  in->add_option("--name", wanted->name, "What to call the server (default: its host's name)");
  auto* out = app.add_subcommand("leave", "Forget a server that was joined");
  out->add_option("name", wanted->gone, "Its name")->required();
  commands.emplace_back(in, [wanted] { return join(*wanted); });
  commands.emplace_back(out, [wanted] { return leave(wanted->gone); });
}

}  // namespace cli
