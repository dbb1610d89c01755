#include "cli/targets.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>
#include <memory>

#include "api/cuda/device_facts.h"
#include "cli/run.h"
#include "client/joined.h"
#include "client/probe.h"
#include "client/target.h"
#include "doctor/advice.h"
#include "doctor/probes/probe.h"
#include "doctor/probes/probes.h"
#include "link/address.h"
#include "reach/slurm/job.h"
#include "wire/message.h"

namespace cli {

namespace {

namespace doctor = outboard::doctor;

constexpr int automatic_ms = 2000;  // most that `auto` waits for a server

// As the doctor asks it: in a child, for a driver may hang, and stays in the process that loads it.
Target probe_local() {
  doctor::Facts facts;
  const doctor::probes::Probe ask{"cuda", "p:cuda.cuInit", doctor::probes::driver_time, doctor::probes::probe_cuda};
  doctor::probes::run({&ask, 1}, doctor::probes::Place::here(), facts);
  Target target{"local", facts.text("p:cuda.ctx") == "0", false, facts.text("p:cuda.name"), true};
  const std::string folder = std::filesystem::path(facts.text("p:cuda.path")).parent_path();
  if (folder == library_folder("software") || folder == library_folder("remote"))
    return {"local", false, false, "libcuda.so.1 is Outboard's own stand-in", true};
  if (target.works) return target;
  const std::string init = facts.text("p:cuda.cuInit"), context = facts.text("p:cuda.ctx");
  if (init == "dlopen-failed" || init.empty())
    target.detail = "no CUDA driver (libcuda.so.1) answers on this machine";
  else
    target.detail = "this machine's CUDA driver answers " +
                    (init != "0"       ? "cuInit with " + init
                     : context.empty() ? "without a device"
                                       : "with error " + context + " when it is asked for a context") +
                    "; outboard doctor says why";
  return target;
}

}  // namespace

bool Target::on_this_machine() const {
  return local || software || name == "host" || name.starts_with("unix:") || name.starts_with("vsock:") ||
         name.starts_with("tcp:127.");
}

// A server for measurements is no GPU: whoever wants it names it.
bool Target::only_measures() const { return detail == api::null_device_name; }

bool Target::is_software_gpu() const { return software || detail.starts_with("Outboard software GPU"); }

Target probe(const std::string& name, int timeout_ms) {
  if (name == "local") return probe_local();
  Target target{name, false, name == "cpu", {}};
  if (target.software) {
    std::error_code error;
    std::string library = library_folder("software") + "/libcuda.so.1";
    target.works = std::filesystem::exists(library, error);
    target.detail =
        target.works ? "software GPU on this machine's CPU" : library + " is missing; build it with make build";
    return target;
  }
  auto start = std::chrono::steady_clock::now();
  auto took = [&start] {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  if (auto door = client::find_door(name); door && door.value().address.kind == links::Address::Kind::slurm) {
    auto seen = reach::look_at_partition(door.value().address.where);
    return {name, seen.ok(), false, seen ? seen.value() : seen.error(), false, took(), true};
  }
  auto greeted = client::greet(name, "outboard", timeout_ms, {}, wire::ask_only);
  target.milliseconds = took();
  target.works = greeted.ok() && !greeted.value().welcome.inventory.devices.empty();
  if (!greeted)
    target.detail = greeted.error();
  else if (!target.works)
    target.detail = "the server has no device";
  else
    target.detail = greeted.value().welcome.inventory.devices[0].name;
  return target;
}

std::vector<std::string> automatic_targets() {
  std::vector<std::string> names;
  const char* wanted = std::getenv("OUTBOARD_TARGET");
  if (wanted && *wanted) names.push_back(wanted);
  names.push_back("local");
  names.push_back("unix:" + links::default_socket_path());
  if (access("/dev/vsock", F_OK) == 0) names.push_back("host");
  for (const client::Joined& joined : client::all_joined()) names.push_back(joined.name);
  names.push_back("cpu");
  return names;
}

std::vector<Target> probe_all(const std::vector<std::string>& names, int timeout_ms) {
  std::vector<std::future<Target>> asked;
  for (const std::string& name : names) asked.push_back(std::async(std::launch::async, probe, name, timeout_ms));
  std::vector<Target> targets;
  for (auto& each : asked) targets.push_back(each.get());
  return targets;
}

doctor::Server as_server(const Target& target) {
  const bool usable = target.works && !target.only_measures();
  return {target.name, usable ? target.detail : "", target.milliseconds, target.on_this_machine(),
          target.is_software_gpu()};
}

// What is not chosen by itself counts as what does not work, and says why.
static void pass_over_measuring(Target& target) {
  if (!target.works || !target.only_measures()) return;
  target.works = false;
  target.detail += "; only --on " + target.name + " takes it";
}

std::vector<Target> choose_target(bool no_local) {
  std::vector<std::string> names = automatic_targets();
  const char* wanted = std::getenv("OUTBOARD_TARGET");
  // Nothing proves who answers at the host: somebody has to name it.
  if (!wanted || std::strcmp(wanted, "host") != 0) std::erase(names, "host");
  std::vector<Target> tried;
  // A job is submitted for who asks for one.
  for (const client::Joined& joined : client::all_joined())
    if (joined.address.starts_with("slurm:") && (!wanted || joined.name != wanted)) std::erase(names, joined.name);
  // In turn while the answer settles it: who is asked next is farther away, and may not answer for long.
  while (names.size() > 1) {
    std::string name = names.front();
    bool settles = name == "local" || (wanted && name == wanted);
    if (!settles && !name.starts_with("unix:")) break;
    names.erase(names.begin());
    if (name == "local" && no_local) continue;
    tried.push_back(probe(name, automatic_ms));
    if (settles && tried.back().works) return tried;
    pass_over_measuring(tried.back());
    if (tried.back().works && !tried.back().is_software_gpu()) return tried;
  }
  for (Target& target : probe_all(names, automatic_ms)) {
    pass_over_measuring(target);
    tried.push_back(std::move(target));
  }
  std::stable_sort(tried.begin(), tried.end(), [](const Target& one, const Target& other) {
    return doctor::better(as_server(other), as_server(one));
  });
  return tried;
}

// "  shared memory, 1.2 us there and back, 9.8 GB/s"
static void print_link(const std::string& name) {
  auto figures = client::probe_link(name);
  if (!figures)
    std::printf("  link: %s\n", figures.error().c_str());
  else
    std::printf("  link: %s, %.1f us there and back, %.2f GB/s\n", figures.value().kind.c_str(),
                figures.value().round_trip_us, figures.value().gb_per_s);
}

int list_targets(const std::vector<std::string>& names, bool probe_links) {
  bool any = false;
  for (const Target& target : probe_all(names.empty() ? automatic_targets() : names, automatic_ms)) {
    const std::string& name = target.name;
    std::printf("%-40s %-4s %s\n", name.c_str(), target.works ? "ok" : "no", target.detail.c_str());
    if (probe_links && target.works && !target.software && !target.local && !target.queued) print_link(name);
    any = any || target.works;
  }
  return any ? 0 : 1;
}

void add_targets(CLI::App& app, Commands& commands) {
  auto* targets = app.add_subcommand("targets", "Show where a GPU can be had, and which of them answer");
  auto probe_links = std::make_shared<bool>(false);
  targets->add_flag("--probe", *probe_links, "Measure each link: its kind, a round trip, the bandwidth");
  auto names = std::make_shared<std::vector<std::string>>();
  targets->add_option("target", *names, "Ask these, and no others");
  commands.emplace_back(targets, [names, probe_links] { return list_targets(*names, *probe_links); });
}

}  // namespace cli
