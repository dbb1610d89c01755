// Runs probes: each in a child of its own with a time limit, all at the same time. Whatever a probe loads or meets (a
// GPU library that crashes, a driver that hangs) happens to the child.
#pragma once
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "doctor/facts.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/sink.h"

namespace outboard::doctor::probes {

using std::chrono::milliseconds;

// Files and commands: a late one says nothing. Drivers: the first call after boot takes seconds on healthy machines,
// and no answer after five is evidence.
constexpr milliseconds usual_time{1500};
constexpr milliseconds driver_time{5000};

struct Probe {
  std::string name;
  std::string keys;  // what it finds: keys and patterns, separated by spaces; unknown when it does not end well
  milliseconds limit;
  std::function<void(const Place&, Sink&)> run;
};

struct Failure {
  std::string probe;
  std::string why;  // "it crashed (SIGSEGV)"
  bool crashed;     // false: it was late
};

// What the probes say goes into `facts`; returns those that did not end well.
std::vector<Failure> run(std::span<const Probe> probes, const Place& place, Facts& facts);

}  // namespace outboard::doctor::probes
