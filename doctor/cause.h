// What is told to people about a cause: one record each, in doctor/causes/*.json.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "doctor/check.h"

namespace outboard::doctor {

// One step of a mend. Either a sentence, or a sentence and the command to paste.
struct Step {
  std::string say, run;
  std::string setting;             // a registry value (registry.h), which says what to run and how to take it back
  std::string side;                // linux, windows, host (of the container or VM), admin (somebody else)
  std::vector<std::string> needs;  // root, admin, reboot, relogin, wsl-shutdown, restart-container, restart-docker
};

struct Cause {
  std::string id, title, where, apis;
  std::string explanation;
  Surety surety = Surety::likely;
  std::vector<std::string> symptoms, evidence, messages;
  std::map<std::string, std::string> neighbours;  // id, and what tells it from this one
  std::vector<Step> fix;
  std::vector<std::string> remedies;  // FIX HOST LAN RUN DESK XLAT CPU, the best first
  std::vector<std::string> sources;
};

// By id. The texts are part of the program.
const std::map<std::string, Cause, std::less<>>& causes();
const Cause& cause(std::string_view id);

// The messages by which programs and kernels tell of a cause.
inline const std::vector<std::string>& messages_of(std::string_view id) { return cause(id).messages; }

}  // namespace outboard::doctor
