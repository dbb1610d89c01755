// The report for people: the verdict, what was seen, what to do, what else, what was not looked at.
#include <algorithm>

#include "doctor/cause.h"
#include "doctor/report/report.h"

namespace outboard::doctor {

namespace {

constexpr size_t most_evidence = 5;
constexpr size_t name_column = 30;

// A text of the machine, in one line, without bytes that could steer a terminal.
std::string shown(const std::string& value) {
  std::string result;
  for (unsigned char c : value) {
    // C0 and C1 controls (ECMA-48); the latter are 0xC2 0x80 to 0xC2 0x9F in UTF-8.
    bool second = !result.empty() && static_cast<unsigned char>(result.back()) == 0xC2 && c >= 0x80 && c < 0xA0;
    if (second)
      result.back() = ' ';
    else
      result += c < 0x20 || c == 0x7f ? ' ' : static_cast<char>(c);
  }
  return result.empty() ? "(empty)" : result;
}

class Writer {
 public:
  Writer(const Diagnosis& diagnosis, const std::vector<Way>& ways, const Style& style)
      : diagnosis_(diagnosis), ways_(ways), style_(style) {}

  std::string write() {
    verdict();
    if (const Finding* root = diagnosis_.root()) {
      finding(*root);
      steps(*root);
      equals(*root);
    } else if (diagnosis_.verdict == Verdict::unexplained) {
      observed();
    }
    others();
    ways();
    footnotes();
    return text_;
  }

 private:
  std::string coloured(const std::string& text, const char* code) const {
    return style_.colour ? "\033[" + std::string(code) + "m" + text + "\033[0m" : text;
  }
  void heading(const std::string& text) { text_ += "\n" + coloured(text, "1") + "\n"; }
  void paragraph(const std::string& text, size_t indent = 2) { text_ += wrapped(text, indent, style_.width); }

  void verdict() {
    const char* colours[] = {"32", "31", "33", "31", "31", "31"};
    const char* symbols[] = {"✓ ", "✗ ", "! ", "? ", "? ", "? "};
    auto which = static_cast<size_t>(diagnosis_.verdict);
    std::string line = wrapped(report_in_a_line(diagnosis_), 0, style_.width);
    text_ += coloured((style_.colour ? symbols[which] : "") + line.substr(0, line.size() - 1), colours[which]) + "\n";
  }

  void evidence(const std::vector<Evidence>& list, size_t most) {
    for (size_t at = 0; at < std::min(most, list.size()); ++at) {
      std::string name = name_of_fact(list[at].key), value = shown(list[at].value);
      if (!list[at].expected.empty()) value += "  (needed: " + list[at].expected + ")";
      // The columns stay where the line fits.
      std::string padded = name + std::string(name.size() < name_column ? name_column - name.size() : 1, ' ');
      bool fits = 2 + padded.size() + value.size() <= style_.width;
      text_ += fits ? "  " + padded + value + "\n" : "  " + name + "\n" + wrapped(value, 4, style_.width);
    }
    if (list.size() > most) text_ += "  and " + std::to_string(list.size() - most) + " more (-v)\n";
  }

  void finding(const Finding& found) {
    heading("Seen");
    evidence(found.evidence, style_.all ? found.evidence.size() : most_evidence);
    for (const std::string& what : found.missing) paragraph("not there: " + what);
    heading("Why");
    paragraph(cause(found.check->id).explanation);
    paragraph("How sure: " + std::string(name_of(found.surety)) + ".");
  }

  static std::string who(const Step& step) {
    std::string place = step.side == "windows" ? "Windows"
                        : step.side == "host"  ? "the host"
                        : step.side == "admin" ? "an administrator"
                                               : "Linux";
    std::string text = step.side == "admin" ? place : "on " + place;
    for (const std::string& need : step.needs) {
      if (need == "root")
        text += ", as root";
      else if (need == "admin")
        text += ", as administrator";
      else if (need == "reboot")
        text += ", then restart the machine";
      else if (need == "relogin")
        text += ", then log in again";
      else if (need == "wsl-shutdown")
        text += "; ends all WSL programs";
      else if (need == "restart-container")
        text += "; with a new container";
      else if (need == "restart-docker")
        text += "; restarts Docker";
    }
    return text;
  }

  void steps(const Finding& finding) {
    heading("What to do");
    size_t number = 0;
    for (const Step& step : cause(finding.check->id).fix) {
      paragraph(std::to_string(++number) + ". " + step.say + " (" + who(step) + ")");
      commands(step, finding);
    }
  }

  void commands(const Step& step, const Finding& finding) {
    if (!step.run.empty()) text_ += "       " + coloured(step.run, "36") + "\n";
    std::string undo = undo_of(step, finding);
    if (!undo.empty()) text_ += "       to take it back: " + coloured(undo, "36") + "\n";
  }

  void equals(const Finding& root) {
    for (const Finding& other : diagnosis_.equals) {
      heading("Just as near: " + std::string(other.check->id) + ", " + cause(other.check->id).title);
      const auto& neighbours = cause(root.check->id).neighbours;
      const auto& theirs = cause(other.check->id).neighbours;
      auto ours = neighbours.find(std::string(other.check->id));
      auto mirrored = theirs.find(std::string(root.check->id));
      if (ours != neighbours.end())
        paragraph("What tells them apart: " + ours->second + ".");
      else if (mirrored != theirs.end())
        paragraph("What tells them apart: " + mirrored->second + ".");
      evidence(other.evidence, most_evidence);
    }
  }

  void observed() {
    heading("Seen");
    evidence(diagnosis_.observed, style_.all ? diagnosis_.observed.size() : 2 * most_evidence);
    paragraph(
        "Nothing of this matches a known cause, and this program does not guess. outboard doctor --bundle FILE writes "
        "what was seen into a file that you can send.");
  }

  void others() {
    const Finding* root = diagnosis_.root();
    bool first = true;
    for (const Finding& other : diagnosis_.findings) {
      bool equal = root && other.check->rank == root->check->rank && other.check != root->check;
      if (&other == root || equal) continue;
      if (first) heading(root ? "Also, once that is mended" : "Good to know");
      first = false;
      paragraph(std::string(other.check->id) + "  " + cause(other.check->id).title);
      if (style_.all || !root) evidence(other.evidence, most_evidence);
      // Settings can all be mended at once; other causes would change what comes next.
      const auto& fix = cause(other.check->id).fix;
      if (!fix.empty() && (!root || !fix[0].setting.empty())) {
        paragraph(fix[0].say + " (" + who(fix[0]) + ")", 4);
        commands(fix[0], other);
      }
    }
  }

  void ways() {
    if (ways_.empty() || (!style_.all && ways_.size() == 1 && ways_[0].code == "FIX")) return;
    heading(style_.all ? "Ways to a GPU, the best first" : "Until it is mended");
    if (style_.all) {
      for (const Way& each : ways_) way("- ", each);
      return;
    }
    // The best one, and the best of those that are at hand now.
    auto other = [](const Way& each) { return each.code != "FIX"; };
    auto ready = [](const Way& each) { return each.code != "FIX" && each.ready; };
    auto best = std::find_if(ways_.begin(), ways_.end(), other);
    auto now = std::find_if(ways_.begin(), ways_.end(), ready);
    if (best != ways_.end()) way("", *best);
    if (now != ways_.end() && now != best) way("at once: ", *now);
  }

  void way(const std::string& before, const Way& way) {
    paragraph(before + way.name + " (" + way.reason + ")");
    if (!way.command.empty()) text_ += "       " + coloured(way.command, "36") + "\n";
  }

  void footnotes() {
    if (!diagnosis_.not_checked.empty()) {
      heading("Not checked");
      size_t most = style_.all ? diagnosis_.not_checked.size() : 3;
      for (size_t at = 0; at < std::min(most, diagnosis_.not_checked.size()); ++at)
        paragraph(name_of_fact(diagnosis_.not_checked[at].what) + ": " + shown(diagnosis_.not_checked[at].reason));
      if (diagnosis_.not_checked.size() > most)
        text_ += "  and " + std::to_string(diagnosis_.not_checked.size() - most) + " more (-v)\n";
    }
    if (style_.all && !diagnosis_.traps.empty()) {
      heading("Looks like a cause, and is none");
      for (const Trap& trap : diagnosis_.traps) paragraph(trap.why + " (" + name_of_fact(trap.key) + ")");
    }
    const Finding* root = diagnosis_.root();
    if (root)
      text_ +=
          "\nMore: outboard doctor --explain " + std::string(root->check->id) + (style_.all ? "" : ", or -v") + "\n";
  }

  const Diagnosis& diagnosis_;
  const std::vector<Way>& ways_;
  const Style& style_;
  std::string text_;
};

}  // namespace

std::string report_in_a_line(const Diagnosis& diagnosis) {
  std::string api = name_of_api(diagnosis.want), where;
  for (const std::string& layer : diagnosis.layers) where += (where.empty() ? "" : " > ") + layer;
  std::string scene = " here (" + where + ")";
  const Finding* root = diagnosis.root();
  std::string named = root ? cause(root->check->id).title + " [" + std::string(root->check->id) + "]" : "";
  switch (diagnosis.verdict) {
    case Verdict::works: return api + " works" + scene + ".";
    case Verdict::blocked:
      if (diagnosis.state == Works::yes) return api + " works" + scene + ", but something is blocked: " + named + ".";
      return api + " is blocked" + scene + ": " + named + ".";
    case Verdict::limited: return api + " works with limits" + scene + ": " + named + ".";
    case Verdict::crashed: return "A probe of " + api + " crashed" + scene + ".";
    case Verdict::unexplained: break;
  }
  return api + (diagnosis.state == Works::unknown ? " could not be tried" : " does not work") + scene +
         ", and no known cause was found.";
}

std::string report_ids(const Diagnosis& diagnosis) {
  std::string text;
  for (const Finding& finding : diagnosis.findings) text += std::string(finding.check->id) + "\n";
  return text;
}

std::string report_for_people(const Diagnosis& diagnosis, const std::vector<Way>& ways, const Style& style) {
  return Writer(diagnosis, ways, style).write();
}

}  // namespace outboard::doctor
