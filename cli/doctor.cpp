#include "cli/doctor.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <thread>

#include "cli/doctor_there.h"
#include "cli/reach.h"
#include "cli/targets.h"
#include "client/probe.h"
#include "doctor/cause.h"
#include "doctor/explain.h"
#include "doctor/mend.h"
#include "doctor/probes/bundle.h"
#include "doctor/probes/collect.h"
#include "doctor/report/report.h"

namespace cli {

namespace {

using namespace outboard::doctor;

constexpr int crashed = 5;

const std::set<std::string> interfaces = {"cuda", "hip", "opencl", "vulkan", "opengl", "egl", "level-zero", "desktop"};

// What the words ask for: interfaces and checks first, then a program.
struct Asked {
  std::string want;
  std::set<std::string> checks;
  std::vector<std::string> program;
};

Asked read_words(const std::vector<std::string>& words) {
  Asked asked;
  for (const std::string& word : words) {
    std::string upper = word;
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
    if (asked.program.empty() && interfaces.contains(word))
      asked.want = word;
    else if (asked.program.empty() && causes().contains(upper))
      asked.checks.insert(upper);
    else
      asked.program.push_back(word);
  }
  return asked;
}

struct Seen {
  Facts facts;
  bool a_probe_crashed = false;
};

base::Result<Seen> look(const DoctorOptions& options, const Asked& asked) {
  Seen seen;
  if (!options.replay.empty()) {
    seen.facts = TRY(read_snapshot_file(options.replay));
  } else {
    probes::Place place = probes::Place::here();
    Collected collected = asked.want == "desktop" ? collect_desktop(place)
                          : asked.program.empty() ? collect(place)
                                                  : TRY(collect(place, asked.program));
    seen.facts = std::move(collected.facts);
    for (const probes::Failure& failure : collected.failures)
      seen.a_probe_crashed = seen.a_probe_crashed || failure.crashed;
  }
  if (!asked.want.empty()) seen.facts.set("p:want", asked.want);
  return seen;
}

// Asks the servers that `outboard run` would try. A snapshot of another machine says nothing about this one's.
Means means_here() {
  Means means;
  means.processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::string> names = automatic_targets();
  std::erase(names, "local");  // the diagnosis is about it
  for (const Target& target : probe_all(names, 1000)) {
    Server server = as_server(target);
    if (target.works && !server.software)
      if (auto figures = client::probe_link(target.name, 0.5)) server.gb_per_s = figures.value().gb_per_s;
    means.servers.push_back(server);
  }
  return means;
}

Style style_here(const DoctorOptions& options) {
  Style style;
  style.all = options.verbose;
  const char* colour = std::getenv("NO_COLOR");
  style.colour = isatty(STDOUT_FILENO) && !(colour && *colour);
  return style;
}

int explain_pasted(const DoctorOptions& options) {
  std::string text = options.text;
  if (text.empty() || text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), {});
  if (options.quiet) {
    for (const Suspect& suspect : suspects(text)) std::printf("%s\n", suspect.id.c_str());
  } else {
    std::fputs(explain_text(text).c_str(), stdout);
  }
  return suspects(text).empty() ? static_cast<int>(Verdict::unexplained) : 0;
}

bool agreed() {
  if (!isatty(STDIN_FILENO)) return false;
  std::printf("Do this? [y/N] ");
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

// .wslconfig lies in the Windows user's folder, whose name Windows alone knows. Empty outside WSL.
std::string windows_profile() {
  constexpr const char* ask = "/mnt/c/Windows/System32/cmd.exe /c echo %USERPROFILE% 2>/dev/null </dev/null";
  if (access("/mnt/c/Windows/System32/cmd.exe", X_OK) != 0) return {};
  FILE* pipe = popen(ask, "r");
  if (!pipe) return {};
  char line[512] = {};
  bool answered = fgets(line, sizeof line, pipe) != nullptr;
  pclose(pipe);
  std::string path(trimmed(line));
  if (!answered || path.size() < 3 || path[1] != ':') return {};
  std::replace(path.begin(), path.end(), '\\', '/');
  return "/mnt/" + lower(path.substr(0, 1)) + path.substr(2);
}

// Shows the mends of what was found; makes one only after a yes.
int mend(const Diagnosis& diagnosis, const Facts& facts, const DoctorOptions& options) {
  Workshop workshop = Workshop::here();
  if (options.replay.empty()) workshop.windows_profile = windows_profile();
  bool any = false, done = false;
  for (const Finding& finding : diagnosis.findings) {
    auto mend = mend_for(finding, facts, workshop);
    if (!mend) continue;
    any = true;
    std::printf("%s: %s", mend->id.c_str(), diff(*mend).c_str());
    bool only_shown = !options.replay.empty() || (!options.yes && !agreed());
    if (only_shown) {
      std::printf("Nothing was changed.\n");
      continue;
    }
    if (base::Status made = make(*mend, workshop); !made) {
      std::printf("It could not be done: %s. Where root is needed: sudo outboard doctor --fix\n", made.error().c_str());
      continue;
    }
    done = true;
    std::printf("Done. outboard doctor --undo takes it back.\n");
  }
  if (!any) std::printf("None of what was found is mended by this program; the report says what to do.\n");
  return done ? 0 : static_cast<int>(diagnosis.verdict);
}

int undo() {
  auto undone = undo_last(Workshop::here());
  if (!undone) return doctor_refuses(undone.error());
  std::printf("Taken back: %s\n", undone.value().c_str());
  return 0;
}

int report(const DoctorOptions& options, const Asked& asked) {
  auto seen = look(options, asked);
  if (!seen) return doctor_refuses(seen.error());
  const Facts& facts = seen.value().facts;
  Diagnosis diagnosis = diagnose(facts, asked.checks);
  if (seen.value().a_probe_crashed && diagnosis.verdict == Verdict::unexplained) diagnosis.verdict = Verdict::crashed;
  if (options.fix) return mend(diagnosis, facts, options);
  if (options.quiet) {
    std::fputs(report_ids(diagnosis).c_str(), stdout);
    return static_cast<int>(diagnosis.verdict);
  }
  bool servers_help = diagnosis.verdict != Verdict::works && diagnosis.want != "desktop";
  Means means = options.replay.empty() && servers_help ? means_here() : Means{};
  auto ways = advise(diagnosis, means, needs_in(facts));
  std::string text =
      options.json ? report_for_machines(diagnosis, ways) : report_for_people(diagnosis, ways, style_here(options));
  std::fputs(text.c_str(), stdout);
  return static_cast<int>(diagnosis.verdict);
}

int write_snapshot_of(const DoctorOptions& options, const Asked& asked) {
  auto seen = look(options, asked);
  if (!seen) return doctor_refuses(seen.error());
  base::Status written = write_bundle(seen.value().facts, probes::Place::here(), options.bundle);
  if (!written) return doctor_refuses(written.error());
  if (options.bundle != "-")
    std::printf("Written: %s. Names, addresses and secrets were taken out; look through it before you send it.\n",
                options.bundle.c_str());
  return 0;
}

}  // namespace

int doctor_refuses(const std::string& why) {
  std::fprintf(stderr, "outboard doctor: %s\n", why.c_str());
  return doctor_misused;
}

int doctor(const DoctorOptions& options) {
  const bool elsewhere = !options.target.empty() && options.target != "local" && options.target != "auto";
  static_assert(crashed == static_cast<int>(Verdict::crashed));
  if (options.list_checks) {
    std::fputs(list_checks().c_str(), stdout);
    return 0;
  }
  if (!options.explain.empty()) {
    std::string id = options.explain;
    std::transform(id.begin(), id.end(), id.begin(), [](unsigned char c) { return std::toupper(c); });
    std::string text = explain(id);
    if (text.empty())
      return doctor_refuses("there is no cause '" + options.explain + "'; outboard doctor --list-checks lists them");
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  if (options.explains_text) return explain_pasted(options);
  if (elsewhere) return doctor_there(options);
  if (options.undo) return undo();
  Asked asked = read_words(options.words);
  if (!options.replay.empty() && !asked.program.empty())
    return doctor_refuses("'" + asked.program[0] +
                          "' is neither an interface nor a check; a program is not looked at with --replay");
  if (!options.bundle.empty()) return write_snapshot_of(options, asked);
  return report(options, asked);
}

std::string doctor_in_a_line() {
  DoctorOptions options;
  auto seen = look(options, Asked{});
  return seen ? report_in_a_line(diagnose(seen.value().facts)) : std::string();
}

namespace {

void describe(CLI::App& doctor, DoctorOptions& options) {
  doctor.add_flag("--json", options.json, "Print one JSON object (doctor/report/schema.json)");
  doctor.add_flag("--quiet", options.quiet, "Print the ids of what was found, and nothing else");
  doctor.add_flag("-v,--verbose", options.verbose, "Print all evidence, all ways, and what only looks like a cause");
  doctor.add_flag("--list-checks", options.list_checks, "List every check");
  doctor.add_option("--explain", options.explain, "Explain one cause, for example WSL-02")->type_name("ID");
  // The text may be left out: then it is read from standard input.
  auto* text =
      doctor.add_option("--explain-text", options.text, "Find the causes of an error text (default: standard input)");
  text->type_name("[TEXT]")->expected(0, 1);
  doctor.add_option("--replay", options.replay, "Diagnose a snapshot of a machine instead of this one; nothing is run")
      ->type_name("FILE");
  doctor.add_option("--bundle", options.bundle, "Write a snapshot of this machine, without names and secrets")
      ->type_name("FILE");
  doctor.add_option("--on", options.target, "Ask the doctor of the machine that a target is on")->type_name("TARGET");
  add_bootstrap(doctor);
  doctor.add_flag("--fix", options.fix, "Show the mends that this program can make, and make each after a yes");
  doctor.add_flag("--yes", options.yes, "With --fix or --bootstrap: do not ask");
  doctor.add_flag("--undo", options.undo, "Take the last mend back");
  doctor.add_option("what", options.words,
                    "cuda, hip, opencl, vulkan, opengl, egl; desktop: Windows' own Remote Desktop; ids of checks; or, "
                    "after --, a program: it is read, not run");
}

}  // namespace

void add_doctor(CLI::App& app, Commands& commands) {
  auto* command = app.add_subcommand(
      "doctor",
      "Say why there is no GPU here, and what the way out is: outboard doctor [INTERFACE | CHECK | -- PROGRAM]");
  auto options = std::make_shared<DoctorOptions>();
  describe(*command, *options);
  commands.emplace_back(command, [command, options] {
    auto target = note_bootstrap(*command, options->target);
    if (!target) return doctor_refuses(target.error());
    options->target = target.value();
    options->explains_text = command->count("--explain-text") > 0;
    return doctor(*options);
  });
}

}  // namespace cli
