// Greets the client, opens the device, serves.
#include "server/worker.h"

#include <dlfcn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/log.h"
#include "server/cuda/inventory.h"
#include "server/greeting.h"
#include "server/returning.h"
#include "server/session.h"
#include "wire/hello.h"

namespace server {
namespace {

ClientSession* the_session = nullptr;  // one per worker process; worker::session() names it

using Open = const device::Driver* (*)(uint64_t memory_bytes);
using FindChecks = const device::Checks* (*)();

void confine() {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  signal(SIGPIPE, SIG_IGN);
}

}  // namespace

base::Result<void*> load_device(const std::string& name) {
  if (name != "cpu") return base::Error{"device '" + name + "' is not available in this version; use --device cpu"};
  std::error_code error;
  auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "lib" / "outboard";
  void* library = dlopen((folder / "libsoftware_device.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return base::Error{std::string("cannot load the software GPU: ") + dlerror()};
  return library;
}

void run_worker(links::Link link, const WorkerOptions& options) {
  confine();
  hand_over_return(link);
  if (options.key) link = encrypt(std::move(link), *options.key);
  wire::Hello hello = read_hello(link);
  wire::Welcome welcome;
  std::string refusal = options.refusal;
  if (refusal.empty()) welcome.version = wire::choose_version(hello, refusal);
  if (!refusal.empty()) refuse(link, refusal);
  auto output = Output::capture();
  if (!output) refuse(link, output.error());
  auto library = load_device(options.device);
  if (!library) refuse(link, library.error());
  if (!hello.checks.empty()) setenv("OUTBOARD_CHECK", hello.checks.c_str(), 1);
  if (!hello.capability.empty()) setenv("OUTBOARD_CC", hello.capability.c_str(), 1);
  auto open = reinterpret_cast<Open>(dlsym(library.value(), "outboard_device"));
  const device::Driver* driver = open ? open(options.memory_bytes) : nullptr;
  auto find_checks = reinterpret_cast<FindChecks>(dlsym(library.value(), "outboard_checks"));
  const device::Checks* checks = driver && find_checks ? find_checks() : nullptr;
  if (driver && !hello.checks.empty() && !checks) refuse(link, "the server's device cannot check kernels like that");
  if (!driver) refuse(link, "the server's device does not start; its log says why");
  if (worker::take_inventory(*driver, welcome.inventory))
    refuse(link, "the server's device does not answer; its log says why");
  link = welcome_client(std::move(link), hello, std::move(welcome), options);
  auto session = std::make_unique<ClientSession>(std::move(link), *driver, checks, output.value());
  the_session = session.get();
  base::log(base::Level::info, "client", {{"program", hello.program}, {"worker", std::to_string(getpid())}});
  session->run();
}

}  // namespace server

worker::Session& worker::session() { return *server::the_session; }
