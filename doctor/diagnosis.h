// What is wrong with a machine: the root first, then what would show once the root is mended.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "doctor/cause.h"
#include "doctor/check.h"

namespace outboard::doctor {

struct Finding {
  const Check* check = nullptr;
  std::vector<Evidence> evidence;
  std::vector<std::string> missing;
  Surety surety = Surety::likely;
};

struct NotChecked {
  std::string what, reason;
};

// How a step's change is taken back, as far as it is a setting: to what the finding saw. Empty: no setting.
std::string undo_of(const Step& step, const Finding& finding);

// Something that looks like a cause and is none.
struct Trap {
  std::string id, key, why;
};

// One interface, as the probes saw it. A code that is no number ("dlopen-failed", "timeout") is given as it is.
struct InterfaceState {
  std::string name;
  Works works = Works::unknown;
  std::string code, device_count;  // empty: not asked, or the interface has none
};

enum class Verdict { works = 0, blocked = 1, limited = 2, unexplained = 3, crashed = 5 };

struct Diagnosis {
  std::string want;
  Works state = Works::unknown;
  Verdict verdict = Verdict::works;
  std::vector<std::string> layers;
  std::vector<InterfaceState> interfaces;  // of which something was seen
  std::vector<Finding> findings;           // by rank: the first is the root, unless it is only an information
  std::vector<Finding> equals;             // others of the root's rank
  std::vector<NotChecked> not_checked;
  std::vector<Trap> traps;
  std::vector<Evidence> observed;  // what was seen of the wanted API, for a verdict without a cause
  const Finding* root() const;
};

// With names given, only those checks are made.
Diagnosis diagnose(const Facts& facts, const std::set<std::string>& only = {});

}  // namespace outboard::doctor
