// One check: whether the facts show one cause, and which facts show it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "doctor/machine.h"

namespace outboard::doctor {

enum class Severity { blocked, limited, info };
// From the outside in; what is broken further out is mended first.
enum class Layer { windows, wsl, machine, container, driver, device, library, program };
enum class Surety { proven, likely, possible };

struct Evidence {
  std::string key, value;  // a fact, and what of it was looked at
  std::string expected;    // what it should be; may be empty
};

// Collects what a check looked at. Facts that are not there are left out; what had to be there and is not is named.
class Seen {
 public:
  explicit Seen(const Facts& facts) : facts_(facts) {}

  Seen& fact(std::string_view key, std::string_view expected = "");
  Seen& facts(const std::vector<std::string>& keys, std::string_view expected = "");
  // Of a long text, the first line that holds these words.
  Seen& line(std::string_view key, std::string_view words, std::string_view expected = "");
  Seen& lines(std::string_view key, const std::vector<std::string>& messages);
  Seen& missing(std::string_view what);
  Seen& is(Surety surety);
  bool found() const { return true; }  // ends a check: `return seen.fact(...).found();`

  const std::vector<Evidence>& evidence() const { return evidence_; }
  const std::vector<std::string>& not_there() const { return missing_; }
  const Surety* surety() const { return said_surety_ ? &surety_ : nullptr; }

 private:
  const Facts& facts_;
  std::vector<Evidence> evidence_;
  std::vector<std::string> missing_;
  Surety surety_ = Surety::proven;
  bool said_surety_ = false;
};

struct Check {
  std::string_view id;
  int rank;  // the order of reasoning: 0 keeps WSL from starting, 90 is cosmetic
  Severity severity;
  Layer layer;
  bool (*find)(const Machine&, Seen&);
  std::string_view only_for = {};  // "desktop": made when that is asked for, and then no others are
};

// All checks, in order of rank.
const std::vector<Check>& all_checks();

std::string_view name_of(Severity severity);
std::string_view name_of(Layer layer);
std::string_view name_of(Surety surety);

}  // namespace outboard::doctor
