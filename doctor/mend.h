// The few mends that the doctor makes itself: small, of one purpose, shown before, and taken back on request.
// Everything else is only told.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "doctor/diagnosis.h"

namespace outboard::doctor {

// One file: what it holds afterwards. What it held before is read when the mend is shown.
struct FileChange {
  std::string path;
  std::optional<std::string> before, after;  // none: there is no such file
  bool link = false;                         // `after` is where a symbolic link leads
};

struct Mend {
  std::string id;    // of the cause
  std::string what;  // one sentence
  std::vector<FileChange> files;
  std::vector<std::string> command, undo;  // run after the files are changed, and after they are changed back
};

// Where mends are made. Tests give a made root and a runner of their own.
struct Workshop {
  std::string root;             // put before every path; empty: this machine
  std::string home, state;      // the user's folders: for manifests, and for the record that undo needs
  std::string windows_profile;  // C:\Users\NAME as a Linux path; empty: not known
  std::function<base::Status(const std::vector<std::string>&)> run;
  static Workshop here();
};

// The mend of a finding, where there is one.
std::optional<Mend> mend_for(const Finding& finding, const Facts& facts, const Workshop& workshop);

// What would change: lines with - and +, and the command.
std::string diff(const Mend& mend);

// Makes it, and records how to take it back. Where a step fails, the ones before are taken back.
base::Status make(const Mend& mend, const Workshop& workshop);
// Takes the last mend back; says what it was.
base::Result<std::string> undo_last(const Workshop& workshop);

}  // namespace outboard::doctor
