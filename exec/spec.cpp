#include "exec/spec.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "exec/manifest.h"

namespace exec {

bool is_pip_list(std::string_view lock_file) { return lock_file.ends_with(".txt") || lock_file.ends_with(".in"); }

bool is_job_name(std::string_view name) {
  auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 32 && std::ranges::all_of(name, fits);
}

Json to_json(const Spec& spec) {
  Json environment = Json::object();
  for (const auto& [name, value] : spec.environment) environment[name] = value;
  return {{"program", spec.program},
          {"command", spec.command},
          {"arguments", spec.arguments},
          {"folder", spec.folder},
          {"outputs", spec.outputs},
          {"environment", environment},
          {"vgpu", spec.vgpu},
          {"client", spec.client},
          {"requirements", spec.requirements},
          {"terminal", spec.terminal},
          {"rows", spec.rows},
          {"columns", spec.columns},
          {"detached", spec.detached},
          {"keep", spec.keep},
          {"limited", spec.grace >= 0},
          {"grace", spec.grace >= 0 ? static_cast<uint64_t>(spec.grace) : 0}};
}

base::Result<Spec> parse_spec(const Json& json) {
  Spec spec;
  spec.program = text_in(json, "program");
  spec.command = text_in(json, "command");
  spec.arguments = texts_in(json, "arguments");
  spec.folder = text_in(json, "folder");
  spec.outputs = texts_in(json, "outputs");
  spec.vgpu = text_in(json, "vgpu");
  spec.client = text_in(json, "client");
  spec.requirements = text_in(json, "requirements");
  spec.terminal = flag_in(json, "terminal");
  spec.rows = static_cast<unsigned>(number_in(json, "rows", 24) & 0xffff);
  spec.columns = static_cast<unsigned>(number_in(json, "columns", 80) & 0xffff);
  spec.detached = flag_in(json, "detached");
  constexpr uint64_t longest = uint64_t{100} * 365 * 86400;
  spec.keep = std::min(number_in(json, "keep", spec.keep), longest);
  if (flag_in(json, "limited")) spec.grace = static_cast<int64_t>(std::min(number_in(json, "grace"), longest));
  if (auto given = json.find("environment"); given != json.end() && given->is_object())
    for (const auto& [name, value] : given->items())
      if (value.is_string()) spec.environment.emplace_back(name, value.get<std::string>());
  for (const auto& [name, value] : spec.environment)
    if (name.empty() || name.find_first_of(std::string("=\0", 2)) != name.npos || value.find('\0') != value.npos)
      return base::Error{"'" + name + "' cannot be a variable of an environment"};
  for (const std::string* path : {&spec.program, &spec.folder, &spec.requirements})
    if (!path->empty() && !is_inside(*path)) return base::Error{"'" + *path + "' is no name inside the bundle"};
  if (spec.program.empty() == spec.command.empty() || spec.arguments.empty())
    return base::Error{"no program was named"};
  if (spec.program.empty() && spec.command.front() != '/')
    return base::Error{"'" + spec.command + "' is no path of a command"};
  return spec;
}

}  // namespace exec
