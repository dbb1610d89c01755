// One session as the listener sees it: a worker process, whoever it serves, and what it uses.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "device/share.h"
#include "server/fair_share.h"
#include "server/monitor.h"
#include "server/shared_page.h"
#include "server/state/facts.h"

namespace server {

// How a client came in.
struct Peer {
  enum class Way { unix_socket, loopback, network };
  Way way = Way::unix_socket;
  std::string address;  // "uid 1000", "127.0.0.1"
};

struct Tenant {
  enum class Stage { greeting, queued, serving, leaving };

  pid_t worker = 0;
  base::Fd monitor;
  SharedPage<device::Share> share;
  Peer peer;
  Stage stage = Stage::greeting;
  std::string program, token;
  bool may_run_programs = false;  // its token says so
  VirtualGpu vgpu;                // without a name: none
  unsigned slot = 0;
  bool counts = false;  // against the limits of sessions
  ToListener wish{};    // while it is queued
  uint64_t queued = 0;  // its turn
  uint32_t told_position = 0;

  uint64_t began_ns = 0;
  uint64_t device_ns = 0;
  Usage recorded;  // what of it is in the state already
  uint64_t last_frames = 0, last_device_ns = 0, last_active_ns = 0;
  uint64_t ends_by_ns = 0;  // leaving: it is killed then
  FairShare::Member member;
};

}  // namespace server
