#include "exec/near/fitting.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <nlohmann/json.hpp>

namespace exec {
namespace {

std::string cuda_text(uint64_t version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::optional<Refusal> newer_libc(const std::string& what, const std::string& wants, const Json& facts) {
  const std::string has = text_in(facts, "glibc");
  if (wants.empty() || has.empty() || !version_less(has, wants)) return std::nullopt;
  return Refusal{126, what + " needs glibc " + wants + " and " + text_in(facts, "host") + " has " + has +
                          ": the C library cannot travel; build the program on a system as old as that one, or link "
                          "it statically"};
}

// Those that the host lacks, and what these need in turn, as the loader would come to them.
std::set<std::string> travelling(const Plan& plan, const std::set<std::string>& there) {
  std::set<std::string> lacking, seen;
  std::vector<std::string> open = plan.needs.parts.empty() ? std::vector<std::string>{} : plan.needs.parts[0].needs;
  while (!open.empty()) {
    const std::string name = open.back();
    open.pop_back();
    if (!seen.insert(name).second || there.contains(name) || is_driver(name)) continue;
    lacking.insert(name);
    if (const Part* part = plan.needs.find(name)) open.insert(open.end(), part->needs.begin(), part->needs.end());
  }
  return lacking;
}

std::optional<Refusal> add_libraries(Plan& plan, const Json& facts, const std::set<std::string>& there) {
  const std::string host = text_in(facts, "host");
  std::string names;
  for (const std::string& name : travelling(plan, there)) {
    if (is_c_library(name))
      return Refusal{126, "the program needs " + name + " of the C library, which " + host + " does not have"};
    const Part* part = plan.needs.find(name);
    if (!part || part->path.empty())
      return Refusal{127, "the program needs " + name + ", which is neither here nor on " + host +
                              "; install it, or "
                              "set LD_LIBRARY_PATH to its folder here"};
    if (auto refused = newer_libc(part->path, part->glibc, facts)) return refused;
    struct stat status {};
    if (stat(part->path.c_str(), &status) < 0) return Refusal{126, part->path + " cannot be read"};
    plan.cargo.add({"lib/" + name, Entry::Kind::file, 0755, static_cast<uint64_t>(status.st_size), {}, {}}, part->path);
    names += (names.empty() ? "" : ", ") + name;
  }
  if (!names.empty())
    plan.told.push_back(host + " lacks " + names + ", which travel" + (names.find(',') == names.npos ? "s" : ""));
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> why_unfit(const Plan& plan, const Json& facts) {
  const std::string host = text_in(facts, "host"), machine = text_in(facts, "machine"), program = plan.program;
  if (plan.needs.machine.empty()) return std::nullopt;
  const bool older_kin = machine == "x86_64" && plan.needs.machine == "i386";
  if (plan.needs.machine != machine && !older_kin)
    return Refusal{126, program + " is a program for " + plan.needs.machine + " and " + host + " is " + machine +
                            "; build it for that"};
  if (auto refused = newer_libc(program, plan.needs.parts[0].glibc, facts)) return refused;
  const uint64_t cuda = number_in(facts, "cuda"), wants = static_cast<uint64_t>(plan.needs.cuda);
  // Within a major version a driver serves every runtime (CUDA Compatibility, "Minor Version Compatibility").
  if (cuda && wants && wants / 1000 > cuda / 1000)
    return Refusal{126, program + " was built with CUDA " + cuda_text(wants) + " and the driver of " + host +
                            " is for CUDA " + cuda_text(cuda) +
                            "; it needs a newer driver there, or an older toolkit here"};
  return std::nullopt;
}

Json question(const Plan& plan) {
  Json libraries = Json::array();
  for (const Part& part : plan.needs.parts)
    for (const std::string& name : part.needs) {
      const Part* needed = plan.needs.find(name);
      Json versions = needed ? Json(needed->versions) : Json::array();
      if (!is_driver(name)) libraries.push_back({{"name", name}, {"versions", versions}});
    }
  std::sort(libraries.begin(), libraries.end());
  libraries.erase(std::unique(libraries.begin(), libraries.end()), libraries.end());
  const bool short_words = plan.needs.machine == "i386" || plan.needs.machine == "arm";
  return {{"libraries", libraries},
          {"commands", plan.commands},
          {"interpreter", plan.needs.interpreter},
          {"machine", plan.needs.machine},
          {"bits", short_words ? 32u : 64u}};
}

std::optional<Refusal> settle(Plan& plan, const Json& facts, const Json& answer) {
  const std::string host = text_in(facts, "host");
  if (!flag_in(answer, "interpreter"))
    return Refusal{126, plan.program + " wants the dynamic loader " + plan.needs.interpreter + ", which " + host +
                            " does not have: it was built for another C library or word size"};
  const Json paths = answer.value("commands", Json::object());
  for (const std::string& command : plan.commands) {
    const std::string path = text_in(paths, command.c_str());
    if (path.empty() && plan.program.empty())
      return Refusal{127, host + " has no command " + command +
                              " that jobs may run; a file of this machine is named with a slash: ./" + command};
    if (path.empty())
      return Refusal{127, plan.program + " is a script for " + command + ", which " + host +
                              " does not have where jobs may run it"};
    if (plan.program.empty()) plan.spec.command = path;
    for (std::string& told : plan.told)
      if (told.ends_with("host's " + command) && path != command) told += " (" + path + ")";
  }
  std::vector<std::string> names = texts_in(answer, "libraries");
  return add_libraries(plan, facts, {names.begin(), names.end()});
}

}  // namespace exec
