#include "cli/targets.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "cli/run.h"
#include "client/joined.h"
#include "client/probe.h"
#include "client/target.h"
#include "link/address.h"
#include "wire/message.h"

namespace cli {

Target probe(const std::string& name) {
  Target target{name, false, name == "cpu", {}};
  if (target.software) {
    std::error_code error;
    std::string library = library_folder("software") + "/libcuda.so.1";
    target.works = std::filesystem::exists(library, error);
    target.detail =
        target.works ? "software GPU on this machine's CPU" : library + " is missing; build it with make build";
    return target;
  }
  auto greeted = client::greet(name, "outboard", 10000, {}, wire::ask_only);
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
  names.push_back("unix:" + links::default_socket_path());
  for (const client::Joined& joined : client::all_joined()) names.push_back(joined.name);
  names.push_back("cpu");
  return names;
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

int list_targets(bool probe_links) {
  bool any = false;
  for (const std::string& name : automatic_targets()) {
    Target target = probe(name);
    std::printf("%-40s %-4s %s\n", name.c_str(), target.works ? "ok" : "no", target.detail.c_str());
    if (probe_links && target.works && !target.software) print_link(name);
    any = any || target.works;
  }
  return any ? 0 : 1;
}

}  // namespace cli
