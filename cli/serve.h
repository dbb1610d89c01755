// outboard serve: offers this machine's device to others.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace cli {

struct ServeOptions {
  std::vector<std::string> listen;  // addresses; empty: this user's own socket
  bool stdio = false;               // one client, over standard input and output
  std::string device = "cpu";
  int devices = 0;     // of each client; 0: as OUTBOARD_DEVICES says
  std::string memory;  // of each device: "8GiB"; empty: the device's own choice
  size_t most_clients = 64;
  bool require_token = false;
  bool no_sandbox = false;
  std::string metrics;  // 127.0.0.1:PORT; empty: none
  unsigned grace_seconds = 60;
  std::string lease;                   // server/lease.h; empty: none
  uint64_t generation = 0;             // wire/hello.h
  bool exec = false;                   // clients may run programs here: those of --stdio, and with a token that says so
  std::vector<std::string> exec_read;  // folders that these may read
  bool plaintext = false;              // tcp beyond this machine, without encryption
  bool quiet = false;
};

// The exit code: 0 after SIGTERM or when the client of --stdio left, 1 when it cannot start, 2 for bad options.
int serve(const ServeOptions& options);
void add_serve(CLI::App& app, Commands& commands);

// "512MiB", "8G", "1073741824" as bytes; false: none of these.
bool parse_bytes(const std::string& text, uint64_t& bytes);

}  // namespace cli
