// For tests: a tree of files that stands for a machine, and facts that probes find in it.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/reading/made_root.h"
#include "doctor/facts.h"
#include "doctor/probes/probe.h"

namespace outboard::doctor::probes {

class MadeRoot : public base::reading::MadeRoot {
 public:
  // What one probe finds.
  Facts probe(std::function<void(const Place&, Sink&)> run_one, const std::string& keys = "",
              milliseconds limit = milliseconds(5000)) const {
    Facts facts;
    std::vector<Probe> probes = {{"one", keys, limit, std::move(run_one)}};
    run(probes, place, facts);
    return facts;
  }
};

}  // namespace outboard::doctor::probes
