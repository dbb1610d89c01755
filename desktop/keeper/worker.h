// The process that talks to clients: owns the session, enters a sandbox before it listens, is started anew by the
// keeper when it falls.
#pragma once
#include <string>

#include "base/fd.h"
#include "desktop/credentials.h"
#include "desktop/keeper/options.h"
#include "desktop/rdp/certificate.h"

namespace desktop {

struct WorkerTask {
  ServeOptions options;
  std::string display, source_name, authority, render, sound_name;
  bool resizable = false, own_display = false;
  Credential credential;
  rdp::Certificate certificate;
  int rdp_port = -1, rdp_socket = -1, control = -1, web_port = -1, sound = -1;  // descriptors; shared with the keeper
  // A socket: lines "encode WHICH", "ready", "failed WHY", "keymap NAME" go out; its end ends the worker.
  int keeper = -1;
};

// What the exit codes say to the keeper; every other end is a fall.
inline constexpr int worker_was_asked_to_stop = 0, worker_cannot_begin = 3, worker_lost_its_display = 4;

[[noreturn]] void run_worker(const WorkerTask& task);

}  // namespace desktop
