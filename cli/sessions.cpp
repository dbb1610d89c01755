#include "cli/sessions.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace cli {
namespace {

int print_sessions(bool json) {
  nlohmann::json all = nlohmann::json::array();
  auto answers = ask_servers("GET", "/sessions");
  for (const std::string& answer : answers)
    for (auto& session : nlohmann::json::parse(answer, nullptr, false)) all.push_back(session);
  if (json) return std::cout << all.dump(2) << "\n", 0;
  if (answers.empty()) return fail("no server of yours is running on this machine; start one with outboard serve");
  std::printf("%-8s %-16s %-14s %-17s %-9s %10s %12s %8s %s\n", "WORKER", "PEER", "VGPU", "TOKEN", "STATE", "MEMORY",
              "DEVICE TIME", "AGE", "PROGRAM");
  for (const auto& session : all) {
    std::string state = session.value("stage", "");
    if (state == "queued") state += " " + std::to_string(session.value("position", 0));
    if (state == "serving")
      state = session.value("running", 0) ? "running" : session.value("held", 0) ? "held" : "idle";
    std::printf("%-8d %-16s %-14s %-17s %-9s %10s %10.1f s %8s %s\n", session.value("worker", 0),
                plain(session.value("peer", "")).c_str(), plain(session.value("vgpu", "-")).c_str(),
                session.value("token", "-").c_str(), state.c_str(),
                size_text(session.value("memory", uint64_t{0})).c_str(),
                static_cast<double>(session.value("device_ns", uint64_t{0})) / 1e9,
                duration_text(session.value("age_ns", uint64_t{0}) / 1'000'000'000).c_str(),
                plain(session.value("program", "")).c_str());
  }
  return 0;
}

}  // namespace

void add_sessions(CLI::App& app, Commands& commands) {
  auto json = std::make_shared<bool>(false);
  auto* ps = app.add_subcommand("ps", "Sessions of this user's servers on this machine");
  ps->add_flag("--json", *json, "As JSON");
  commands.emplace_back(ps, [json] { return print_sessions(*json); });
}

}  // namespace cli
