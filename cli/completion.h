// Completion scripts for shells, derived from the table of commands.
#pragma once
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

namespace cli {

// Commands that people type; those that Outboard starts by itself have no group.
inline bool is_shown(const CLI::App* command) { return !command->get_group().empty(); }

inline std::string words_of(const CLI::App& app) {
  std::string words;
  for (const CLI::App* command : app.get_subcommands(is_shown)) words += command->get_name() + " ";
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  return words;
}

// After `--` in `outboard run` the shell completes the program's own words.
inline int print_completion(const CLI::App& app, const std::string& shell) {
  if (shell == "zsh") std::cout << "autoload -U +X bashcompinit && bashcompinit\n";
  std::cout << "_outboard() {\n"
               "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} i\n"
               "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
               "    if [ \"${COMP_WORDS[i]}\" = -- ]; then COMPREPLY=($(compgen -c -f -- \"$word\")); return; fi\n"
               "  done\n"
               "  case \"$previous\" in\n"
               "    --on) COMPREPLY=($(compgen -W 'auto local cpu host unix: tcp: tls: vsock:// ssh:// slurm:// via:' "
               "-- \"$word\")); "
               "return ;;\n"
               "    --cc) COMPREPLY=($(compgen -W '7.5 8.0 8.6 8.9 9.0 10.0 12.0 13.0' -- \"$word\")); return ;;\n"
               "    --check) COMPREPLY=($(compgen -W 'memory races init leaks all' -- \"$word\")); return ;;\n"
               "    --listen) COMPREPLY=($(compgen -W 'unix: tcp:127.0.0.1: tls:0.0.0.0: vsock://any:' -- \"$word\")); "
               "return ;;\n"
               "    --device) COMPREPLY=($(compgen -W 'cpu nvidia auto null' -- \"$word\")); return ;;\n"
               "    completion) COMPREPLY=($(compgen -W 'bash zsh' -- \"$word\")); return ;;\n"
               "    help) COMPREPLY=($(compgen -W '"
            << words_of(app) << "' -- \"$word\")); return ;;\n  esac\n  case \"${COMP_WORDS[1]}\" in\n";
  for (const CLI::App* command : app.get_subcommands(is_shown))
    std::cout << "    " << command->get_name() << ") COMPREPLY=($(compgen -W '" << words_of(*command)
              << "' -- \"$word\")) ;;\n";
  std::cout << "    *) COMPREPLY=($(compgen -W '" << words_of(app)
            << "' -- \"$word\")) ;;\n  esac\n}\ncomplete -o bashdefault -F _outboard outboard\n";
  return 0;
}

}  // namespace cli
