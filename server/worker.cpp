// Greets the client, opens the device, serves.
#include "server/worker.h"

#include <dlfcn.h>
#include <unistd.h>

#include <csignal>

#include "base/log.h"
#include "server/cuda/inventory.h"
#include "server/devices.h"
#include "server/direct.h"
#include "server/greeting.h"
#include "server/returning.h"
#include "server/rooms.h"
#include "server/sandbox.h"
#include "server/session.h"
#include "wire/hello.h"

namespace server {
namespace {

ClientSession* the_session = nullptr;  // one per worker process; worker::session() names it

using Open = const device::Driver* (*)(uint64_t memory_bytes);
using FindChecks = const device::Checks* (*)();
using FindLeases = const device::Leases* (*)();

// Before the first byte of the client's. A system that lacks a part of the sandbox gives a weaker one, and says so.
void confine(const WorkerOptions& options) {
  signal(SIGPIPE, SIG_IGN);
  if (!options.sandbox) return;
  base::Status entered = enter_sandbox(worker_rooms(options.device));
  if (!entered) base::log(base::Level::warn, "weak-sandbox", {{"reason", entered.error()}});
}

// Over pipes whoever started this process decided what its client may have (outboard serve --stdio --exec).
[[noreturn]] void serve_directly(links::Link link, const WorkerOptions& options, const wire::Hello& hello,
                                 wire::Welcome welcome, ReturnPoint* returns, DirectDoor* door) {
  auto service = find_service(options.services, hello.purpose);
  if (!service) refuse(link, service.error());
  links::Link stream = welcome_client(std::move(link), hello, std::move(welcome), options, returns, nullptr, door);
  _exit(service.value()->run(std::move(stream), {hello.program, {}, hello.vgpu, "standard input"}));
}

void check_lease(links::Link& link, const Lease* lease) {
  if (!lease) return;
  if (!lease->held()) refuse(link, "this server has lost its lease; connect again");
  lease->end_with_it();
}

// A server that has been replaced must serve nobody, however late it learns of it, and ends. So only a client that has
// been let in may say so.
void check_generation(links::Link& link, const WorkerOptions& options, const wire::Hello& hello) {
  if (options.generation && hello.generation > options.generation)
    refuse(link,
           "this server is of generation " + std::to_string(options.generation) + ", and you have met generation " +
               std::to_string(hello.generation) + ": another has taken its place",
           superseded);
}

// Says where in the queue the client is; false: it has gone.
bool tell_position(links::Link& link, uint32_t position) {
  wire::FrameHead head{0, wire::Kind::waiting, position};
  iovec piece[] = {{&head, sizeof head}};
  return link.write_all(piece);
}

Admission admit(links::Link& link, const wire::Hello& hello, Monitored* monitored) {
  if (!monitored) {
    if (!hello.vgpu.empty()) refuse(link, "virtual GPUs need a server that listens: outboard serve without --stdio");
    return {};
  }
  auto admission = monitored->enter(
      hello, [&](uint32_t position) { return tell_position(link, position); }, link.socket());
  if (!admission) refuse(link, admission.error());
  return std::move(admission.value());
}

const device::Driver* open_device(links::Link& link, const WorkerOptions& options, const wire::Hello& hello,
                                  const Admission& admission, void* library) {
  if (!hello.checks.empty()) setenv("OUTBOARD_CHECK", hello.checks.c_str(), 1);
  if (!hello.capability.empty()) setenv("OUTBOARD_CC", hello.capability.c_str(), 1);
  if (admission.memory_bytes) setenv("OUTBOARD_DEVICES", "1", 1);
  auto share = reinterpret_cast<void (*)(const device::Tenancy*)>(dlsym(library, "outboard_tenancy"));
  if (share && admission.tenancy.share) share(&admission.tenancy);
  auto open = reinterpret_cast<Open>(dlsym(library, "outboard_device"));
  const device::Driver* driver =
      open ? open(admission.memory_bytes ? admission.memory_bytes : options.memory_bytes) : nullptr;
  auto failure = reinterpret_cast<const char* (*)()>(dlsym(library, "outboard_failure"));
  if (!driver && failure) base::log(base::Level::error, "device-failed", {{"reason", failure()}});
  if (!driver) refuse(link, "the server's device does not start; its log says why");
  return driver;
}

const device::Checks* find_checks(links::Link& link, const wire::Hello& hello, void* library) {
  auto find = reinterpret_cast<FindChecks>(dlsym(library, "outboard_checks"));
  const device::Checks* checks = find ? find() : nullptr;
  if (!hello.checks.empty() && !checks) refuse(link, "the server's device cannot check kernels like that");
  return checks;
}

}  // namespace

namespace {

// The listener's questions and words reach the session and the device from here on.
void obey_listener(Monitored& monitored, ClientSession& session, void* library) {
  session.count_in(monitored.share());
  base::exchange_shared_memory(Monitored::exchange());  // for this program's own copy of base, and for the device's
  auto exchange = reinterpret_cast<void (*)(const base::SharedMemoryExchange*)>(dlsym(library, "outboard_exchange"));
  if (exchange) exchange(&Monitored::exchange());
  monitored.start(reinterpret_cast<bool (*)()>(dlsym(library, "outboard_hold")),
                  [](const std::string& reason) { the_session->dismiss(reason); });
}

// What the session needs that no sandbox gives: sockets for a client that comes back or around its pipes.
struct Ways {
  base::Result<ReturnPoint> returns = ReturnPoint::create();
  base::Result<DirectDoor> door = base::Error{"there are no pipes to lead around"};

  explicit Ways(bool pipes) {
    if (pipes && returns) door = DirectDoor::create(returns.value());
  }
  ReturnPoint* point() { return returns ? &returns.value() : nullptr; }
  DirectDoor* around() { return door ? &door.value() : nullptr; }
};

wire::Hello read_checked_hello(links::Link& link, const WorkerOptions& options, wire::Welcome& welcome) {
  wire::Hello hello = read_hello(link);
  std::string refusal;
  welcome.version = wire::choose_version(hello, refusal);
  if (!refusal.empty()) refuse(link, refusal);
  check_lease(link, options.lease);
  return hello;
}

}  // namespace

void run_worker(links::Link link, const WorkerOptions& options, std::unique_ptr<Monitored> monitored) {
  Ways ways(!monitored);
  const bool trusted = !monitored && !options.services.empty();  // it may run programs: no need to confine its hello
  base::Result<void*> library(nullptr);
  if (!trusted) library = load_device(options.device);  // no file can be opened later
  if (!trusted) confine(options);
  hand_over_return(link, monitored.get());
  if (options.key) link = encrypt(std::move(link), *options.key);
  wire::Welcome welcome;
  const wire::Hello hello = read_checked_hello(link, options, welcome);
  if (!monitored) check_generation(link, options, hello);
  if (!hello.purpose.empty() && !monitored)
    serve_directly(std::move(link), options, hello, std::move(welcome), ways.point(), ways.around());
  if (trusted) {
    library = load_device(options.device);
    confine(options);
  }
  Admission admission = admit(link, hello, monitored.get());
  check_generation(link, options, hello);
  if (admission.service.valid())
    relay(welcome_client(std::move(link), hello, std::move(welcome), options, ways.point(), monitored.get()),
          std::move(admission.service));
  auto output = Output::capture();
  if (!output) refuse(link, output.error());
  if (!library) refuse(link, library.error());
  const device::Driver* driver = open_device(link, options, hello, admission, library.value());
  const device::Checks* checks = find_checks(link, hello, library.value());
  if (worker::take_inventory(*driver, welcome.inventory))
    refuse(link, "the server's device does not answer; its log says why");
  link =
      welcome_client(std::move(link), hello, std::move(welcome), options, ways.point(), monitored.get(), ways.around());
  auto leases = reinterpret_cast<FindLeases>(dlsym(library.value(), "outboard_leases"));
  auto session =
      std::make_unique<ClientSession>(std::move(link), *driver, checks, leases ? leases() : nullptr, output.value());
  the_session = session.get();
  session->obey(options.lease);
  if (monitored) obey_listener(*monitored, *session, library.value());
  base::log(base::Level::info, "client",
            {{"program", hello.program}, {"worker", std::to_string(getpid())}, {"vgpu", admission.vgpu}});
  session->run();
}

}  // namespace server

worker::Session& worker::session() { return *server::the_session; }
