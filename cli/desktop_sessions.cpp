// outboard desktop list, status, stop: the sessions of this user on this machine.
#include <ctime>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/desktop.h"
#include "desktop/registry.h"

namespace cli {

namespace {

namespace registry = desktop::registry;
using nlohmann::json;

// A session's folder is its user's alone, and so is the password in it: lists leave it out all the same.
json shown(const registry::Entry& entry) {
  json object = json::parse(registry::to_json(entry));
  object.erase("password");
  return object;
}

int list(bool as_json) {
  auto sessions = registry::list();
  if (!sessions) return fail(sessions.error());
  if (as_json) {
    json all = json::array();
    for (const registry::Entry& entry : sessions.value()) all.push_back(shown(entry));
    std::cout << all.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    return 0;
  }
  if (sessions.value().empty()) {
    std::cout << "no desktop session runs here; outboard desktop serve starts one\n";
    return 0;
  }
  std::printf("%-8s %-10s %-10s %-22s %10s %s\n", "SESSION", "DISPLAY", "SIZE", "DOORS", "AGE", "PROGRAM");
  for (const registry::Entry& entry : sessions.value()) {
    std::string doors = entry.rdp_port ? "rdp " + std::to_string(entry.rdp_port) : "rdp (socket)";
    if (entry.web_port) doors += ", web " + std::to_string(entry.web_port);
    auto age = static_cast<uint64_t>(std::max<int64_t>(0, std::time(nullptr) - entry.started));
    std::printf("%-8s %-10s %-10s %-22s %10s %s\n", plain(entry.id).c_str(), plain(entry.display).c_str(),
                plain(entry.size).c_str(), doors.c_str(), duration_text(age).c_str(),
                entry.program.empty() ? "(desktop)" : plain(entry.program).c_str());
  }
  return 0;
}

// A text or a number of an answer, fit for a terminal.
std::string word(const json& object, const char* name) {
  auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "-";
  if (found->is_string()) return plain(found->get<std::string>());
  if (!found->is_number_float()) return plain(found->dump());
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", found->get<double>());
  return text;
}

void print_viewer(const json& viewer) {
  const json& stream = viewer.contains("stream") ? viewer["stream"] : viewer;
  std::cout << "  " << word(viewer, "kind") << " " << word(viewer, "client") << "\n    codec: " << word(stream, "codec")
            << " \u00b7 " << word(stream, "frames_per_second") << " fps \u00b7 lag " << word(stream, "lag_ms")
            << " ms \u00b7 window " << word(stream, "window") << " \u00b7 " << word(stream, "megabits_per_second")
            << " Mbit/s\n";
}

int status(const std::string& id, bool as_json) {
  auto entry = registry::find(id);
  if (!entry) return fail(entry.error());
  auto answer = registry::ask(entry.value(), R"({"do":"status"})");
  if (!answer) return fail(answer.error());
  json said = json::parse(answer.value(), nullptr, false);
  if (as_json) {
    json whole = {{"session", shown(entry.value())}, {"status", said}};
    std::cout << whole.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    return 0;
  }
  std::cout << plain(entry.value().id) << ": render: " << word(said, "render")
            << " \u00b7 encode: " << word(said, "encode") << " \u00b7 size: " << word(said, "size")
            << " \u00b7 sound: " << word(said, "sound") << "\n  display: " << plain(entry.value().source) << "\n";
  const json viewers = said.value("viewers", json::array());
  if (viewers.empty()) std::cout << "  nobody looks at it\n";
  for (const json& viewer : viewers) print_viewer(viewer);
  return 0;
}

int stop(const std::string& id) {
  auto entry = registry::find(id);
  if (!entry) return fail(entry.error());
  base::Status stopped = registry::stop(entry.value());
  if (!stopped) return fail(stopped.error());
  std::cout << "session " << plain(entry.value().id) << " has ended\n";
  return 0;
}

struct Words {
  std::string id;
  bool as_json = false;
};

}  // namespace

void add_desktop_sessions(CLI::App& desktop, Commands& commands) {
  auto words = std::make_shared<Words>();
  auto add = [&](const char* name, const char* help) {
    auto* command = desktop.add_subcommand(name, help);
    if (std::string_view(name) != "list")
      command->add_option("session", words->id, "Its name; may be left out where there is one");
    if (std::string_view(name) != "stop") command->add_flag("--json", words->as_json, "As JSON");
    return command;
  };
  commands.emplace_back(add("list", "The desktop sessions of this user on this machine"),
                        [words] { return list(words->as_json); });
  commands.emplace_back(add("status", "What draws a session, what encodes it, who looks at it, and how fast"),
                        [words] { return status(words->id, words->as_json); });
  commands.emplace_back(add("stop", "End a session"), [words] { return stop(words->id); });
}

}  // namespace cli
