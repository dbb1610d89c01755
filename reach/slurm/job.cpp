#include "reach/slurm/job.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>

namespace reach {
namespace {

constexpr int command_seconds = 20;
constexpr int looking_seconds = 5;
constexpr const char* job_name = "outboard";

// What a query may hold, and sbatch's option for it.
constexpr std::pair<const char*, const char*> options[] = {{"gres", "--gres"},       {"mem", "--mem"},
                                                           {"time", "--time"},       {"cpus", "--cpus-per-task"},
                                                           {"nodes", "--nodelist"},  {"constraint", "--constraint"},
                                                           {"account", "--account"}, {"qos", "--qos"}};

// squeue's exit_code is the status of waitpid() as one number (7 is 1792), or as scontrol(1) says it, "7:0": the code
// and the signal.
uint64_t exit_code_of(const std::string& text) {
  char* rest = nullptr;
  const uint64_t first = std::strtoull(text.c_str(), &rest, 10);
  const bool two = *rest == ':';
  const uint64_t code = two ? first : first >> 8 & 0xff;
  const uint64_t signal = two ? std::strtoull(rest + 1, nullptr, 10) : first & 0x7f;
  return signal ? 128 + signal : code;
}

base::Error failed(const Words& words, const Said& said) {
  std::string why = last_line(said.error);
  if (size_t at = why.find("error: "); at != why.npos) why.erase(0, at + 7);
  return base::Error{"Slurm refuses (" + words[0] + "): " + (why.empty() ? "it does not say why" : why)};
}

base::Result<std::string> answer(const Words& words, const std::string& input = {}, int seconds = command_seconds) {
  Said said = TRY(ask(words, seconds, input));
  if (said.code) return failed(words, said);
  return said.out;
}

// As a field of squeue's lines, which have `|` between them.
std::string in_one_field(const Words& words) {
  constexpr size_t longest = 200;
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  for (char& each : text)
    if (each == '|' || static_cast<unsigned char>(each) < ' ') each = ' ';
  return text.substr(0, longest);
}

// The value of KEY=VALUE among words; empty: it is not there.
std::string value_of(const std::string& text, const std::string& key) {
  std::istringstream words(text);
  for (std::string word; words >> word;)
    if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
  return {};
}

}  // namespace

bool JobState::over() const {
  constexpr std::array ends = {"COMPLETED", "FAILED",    "CANCELLED", "TIMEOUT",       "NODE_FAIL",
                               "BOOT_FAIL", "PREEMPTED", "DEADLINE",  "OUT_OF_MEMORY", "REVOKED"};
  return std::ranges::find(ends, state) != ends.end();
}

base::Result<uint64_t> submit(const links::Address& address, const std::string& script, const Words& command) {
  const std::string& query = address.query;
  const bool again = links::in_query(query, "requeue") == "1";
  Words words = {"sbatch",
                 "--parsable",
                 std::string("--job-name=") + job_name,
                 "--comment=" + in_one_field(command),
                 "--output=/dev/null",
                 "--error=/dev/null",
                 "--ntasks=1",
                 again ? "--requeue" : "--no-requeue"};
  if (!address.where.empty()) words.push_back("--partition=" + address.where);
  for (auto [key, option] : options)
    if (std::string value = links::in_query(query, key); !value.empty())
      words.push_back(std::string(option) + "=" + value);
  // The client's own place, beside the server's: the other half of a heterogeneous job.
  if (std::string client = links::in_query(query, "client"); !client.empty())
    words.insert(words.end(), {":", "--ntasks=1", "--partition=" + client});
  std::string said = TRY(answer(words, script));
  uint64_t job = std::strtoull(said.c_str(), nullptr, 10);  // "12" or "12;cluster"
  if (!job) return base::Error{"sbatch says no job's number but: " + last_line(said)};
  return job;
}

base::Result<JobState> look_at_job(uint64_t job, int seconds) {
  // A heterogeneous job has a line for each half; the first is the server's.
  std::string text = TRY(answer({"scontrol", "--oneliner", "show", "job", std::to_string(job)}, {}, seconds));
  text = text.substr(0, text.find('\n'));
  JobState state{value_of(text, "JobState"),         value_of(text, "Reason"),   value_of(text, "StartTime"),
                 value_of(text, "NodeList"),         value_of(text, "ExitCode"), 0,
                 !value_of(text, "HetJobId").empty()};
  if (state.start == "Unknown" || state.start == "N/A") state.start.clear();
  if (state.nodes == "(null)") state.nodes.clear();
  state.restarts = std::strtoull(value_of(text, "Restarts").c_str(), nullptr, 10);
  if (state.state.empty()) return base::Error{"scontrol does not tell what has become of job " + std::to_string(job)};
  return state;
}

base::Status cancel(uint64_t job) {
  TRY(answer({"scancel", "--quiet", std::to_string(job)}));
  return base::Done{};
}

void requeue(uint64_t job) { (void)ask({"scontrol", "requeue", std::to_string(job)}, command_seconds).ok(); }

base::Result<std::vector<OwnJob>> own_jobs() {
  // squeue(1), --Format: a field's width is what follows its colon.
  const std::string fields = "JobID:32|,State:24|,Reason:64|,NodeList:256|,SubmitTime:32|,exit_code:16|,Comment:256";
  std::istringstream lines(TRY(answer(
      {"squeue", "--me", "--noheader", "--states=all", std::string("--name=") + job_name, "--Format=" + fields})));
  std::vector<OwnJob> all;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream rest(line);
    auto next = [&rest] {
      std::string field;
      std::getline(rest, field, '|');
      field.erase(field.find_last_not_of(' ') + 1);
      return field == "(null)" || field == "N/A" ? "" : field;
    };
    OwnJob job{next(), next(), next(), next(), next(), 0, {}};
    job.exit_code = exit_code_of(next());
    job.command = next();
    all.push_back(std::move(job));
  }
  return all;
}

base::Result<std::string> look_at_partition(const std::string& partition) {
  Words words = {"sinfo", "--noheader", "--format=%R|%A|%D|%G"};  // sinfo(1): name, allocated/idle, all, gres
  if (!partition.empty()) words.push_back("--partition=" + partition);
  std::istringstream lines(TRY(answer(words, {}, looking_seconds)));
  std::string text, name, counts, all, gres;
  while (std::getline(lines, name, '|') && std::getline(lines, counts, '|') && std::getline(lines, all, '|') &&
         std::getline(lines, gres)) {
    text += (text.empty() ? "partition " : "; ") + name + ": " + counts.substr(counts.find('/') + 1) + " of " + all +
            " nodes idle" + (gres == "(null)" ? "" : ", each with " + gres);
  }
  if (text.empty()) return base::Error{"Slurm has no partition '" + partition + "'"};
  return text;
}

}  // namespace reach
