// Writes docs/doctor.md from the table of checks and their texts; with --check only says whether it is so.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "doctor/cause.h"

namespace {

using namespace outboard::doctor;

// Nothing of this has been proven on a machine with a GPU, or on Windows: the column says what the claim rests on.
const char* introduction = R"(# What the doctor checks

This page is made from the program's own table (`ninja -C build doctor_docs`). `outboard doctor --explain ID` says what
to do about a cause; `outboard doctor` finds out which it is.

**How it reasons.** Facts are taken from the machine, none is guessed, and what could not be looked at is named. The
checks are made in order of rank, from the outside in: Windows, WSL, the machine, the container, the driver, the device,
the libraries, the program. The first cause is the root; the others are what will show once the root is mended. Where
nothing matches, the doctor says so and shows what it saw.

**What is proven.** *proven*: a vendor's document or source says it. *likely*: well-known or reported by several people.
*possible*: our reasoning. Every check is tested on two snapshots of its own or more, with different versions, paths and
numbers (tests/fixtures/doctor). None has been confirmed on a machine with a GPU or on Windows: there was none to test on.
On a machine without a GPU (a Firecracker micro-VM) the verdict is DOCK-32, which is right.

**Exit codes.** 0 works, 1 blocked and the cause found, 2 works with limits, 3 blocked and no known cause, 4 wrong
usage, 5 a probe crashed.

**For machines.** `--json` prints one object of the form doctor/report/schema.json (schema 1); fields are added, never
changed.

**Mends.** `--fix` shows a change and asks before it makes it; `--undo` takes the last one back. It mends WSL-06, WSL-07,
WSL-19, WSL-21, LIB-09, LIB-12, LIB-13, LIB-17, NV-21, DOCK-03, DOCK-11, DOCK-20 and DOCK-23, and the settings of RDP-04, -06, -07, -10 and -11. Everything else it only tells.

**Remote Desktop.** The checks RDP-... are made for `outboard doctor desktop` alone: in WSL it asks whether Windows' own
Remote Desktop draws and encodes on the GPU. They are tested on texts of registry and event log, not on Windows.

| id | rank | severity | layer | sure | interfaces | cause |
|---|---|---|---|---|---|---|
)";

std::string page() {
  std::string text = introduction;
  for (const Check& check : all_checks()) {
    const Cause& words = cause(check.id);
    text += "| " + std::string(check.id) + " | " + std::to_string(check.rank) + " | " +
            std::string(name_of(check.severity)) + " | " + std::string(name_of(check.layer)) + " | " +
            std::string(name_of(words.surety)) + " | " + words.apis + " | " + words.title + " |\n";
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::ifstream file(argv[1]);
  std::string there((std::istreambuf_iterator<char>(file)), {});
  if (argc > 2 && std::strcmp(argv[2], "--check") == 0) {
    if (there == page()) return 0;
    std::fprintf(stderr, "%s is not what the table says; ninja -C build doctor_docs writes it anew\n", argv[1]);
    return 1;
  }
  std::ofstream(argv[1]) << page();
  return 0;
}
