#include "cli/jobs.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <set>
#include <nlohmann/json.hpp>

#include "cli/slurm_jobs.h"
#include "exec/near/attend.h"
#include "exec/near/bring_back.h"
#include "exec/near/input.h"
#include "exec/near/records.h"
#include "exec/near/ship.h"

namespace cli {
namespace {

using exec::Kind;

struct Options {
  std::string target, job, to;
  bool follow = false, overwrite = false, json = false;
};

// What this machine knows of a job, or what was said instead.
base::Result<exec::Record> record_of(const Options& options) {
  auto known = exec::find_record(options.job);
  exec::Record record = known ? known.value() : exec::Record{options.job, options.target, "", 0, 0, false};
  if (!known && options.target.empty()) return base::Error{known.error()};
  if (!options.target.empty()) record.target = options.target;
  if (is_cluster(record.target))
    return base::Error{record.target + " is a whole cluster; a job that runs there is reached by its number, which " +
                       "outboard jobs --on slurm:// shows: --on slurm://?job=NUMBER"};
  return record;
}

std::string age_text(uint64_t seconds) {
  const auto now = static_cast<uint64_t>(std::time(nullptr));
  return seconds && seconds <= now ? duration_text(now - seconds) + " ago" : "-";
}

bool is_over(const std::string& state) {
  constexpr std::array goes_on = {"preparing", "waiting", "running", "suspended", "ending", "forgotten"};
  return std::ranges::find(goes_on, state) == goes_on.end();
}

void print_jobs(const std::string& target, const exec::Json& list) {
  for (const exec::Json& job : list) {
    if (!job.is_object()) continue;
    const std::string state = exec::text_in(job, "state"), why = exec::text_in(job, "why");
    const std::string code = is_over(state) ? std::to_string(exec::number_in(job, "code")) : "-";
    std::printf("%-9s %-10s %4s %-14s %-20s %s%s\n", plain(exec::text_in(job, "job")).c_str(), plain(state).c_str(),
                code.c_str(), age_text(exec::number_in(job, "created")).c_str(), plain(target).c_str(),
                plain(exec::text_in(job, "command")).c_str(), why.empty() ? "" : (" (" + plain(why) + ")").c_str());
  }
}

base::Result<exec::Json> jobs_of(const std::string& target) {
  if (is_cluster(target) || !number_in_cluster(target).empty()) return jobs_of_cluster(target);
  exec::Json facts;
  auto host = TRY(exec::open_host(target, facts));
  host->send(Kind::jobs);
  return TRY(host->expect(Kind::jobs, target)).json().value("jobs", exec::Json::array());
}

int list(const Options& options) {
  std::set<std::string> targets;
  for (const exec::Record& record : exec::all_records()) targets.insert(record.target);
  if (!options.target.empty()) targets = {options.target};
  int code = 0;
  exec::Json all = exec::Json::array();
  if (!options.json && !targets.empty())
    std::printf("%-9s %-10s %4s %-14s %-20s %s\n", "JOB", "STATE", "EXIT", "STARTED", "HOST", "COMMAND");
  for (const std::string& target : targets) {
    auto found = jobs_of(target);
    if (!found)
      code = exec::complain(125, found.error());
    else if (options.json)
      for (exec::Json job : found.value()) job["host"] = target, all.push_back(job);
    else
      print_jobs(target, found.value());
  }
  if (options.json) std::printf("%s\n", all.dump(2).c_str());
  return code;
}

// Attached to a job's output; `once`: to what is there now, `from`: an offset in both streams.
base::Result<exec::Ended> watch(const exec::Record& record, bool once, uint64_t from,
                                std::unique_ptr<exec::Conversation>& host) {
  exec::Json facts;
  host = TRY(exec::open_host(record.target, facts));
  host->send(Kind::attach, exec::Json{{"job", record.job}, {"out", from}, {"err", from}, {"once", once}});
  exec::hold_signals();
  return exec::attend(host, {record.target, record.job, false, false, false, -1, from, from});
}

constexpr uint64_t none_of_it = uint64_t{1} << 62;  // an offset that no output reaches

int logs(const Options& options) {
  auto record = record_of(options);
  if (!record) return exec::complain(2, record.error());
  std::unique_ptr<exec::Conversation> host;
  auto ended = watch(record.value(), !options.follow, 0, host);
  return ended ? 0 : exec::complain(125, ended.error());
}

int wait(const Options& options) {
  auto record = record_of(options);
  if (!record) return exec::complain(2, record.error());
  std::unique_ptr<exec::Conversation> host;
  auto ended = watch(record.value(), false, none_of_it, host);
  if (!ended) return exec::complain(125, ended.error());
  if (!ended.value().why.empty())
    exec::complain(0, "the job " + record.value().job + " is " + ended.value().state + ": " + ended.value().why);
  return ended.value().state == "lost" ? 125 : ended.value().code;
}

int fetch(const Options& options) {
  auto record = record_of(options);
  if (!record) return exec::complain(2, record.error());
  const std::string to = !options.to.empty() ? options.to : record.value().folder.empty() ? "." : record.value().folder;
  exec::Json facts;
  auto host = exec::open_host(record.value().target, facts);
  if (!host) return exec::complain(125, host.error());
  exec::hold_signals();
  auto brought = exec::bring_back(*host.value(), record.value(), {to, options.overwrite, false});
  if (!brought) return exec::complain(125, brought.error());
  for (const std::string& told : brought.value().told) exec::complain(125, told);
  std::printf("%zu result%s in %s\n", brought.value().files, brought.value().files == 1 ? "" : "s", to.c_str());
  return brought.value().told.empty() ? 0 : 125;
}

int cancel(const Options& options) {
  if (is_cluster(options.target)) return cancel_in_cluster(options.job);
  auto record = record_of(options);
  if (!record) return exec::complain(2, record.error());
  if (const std::string number = number_in_cluster(record.value().target); !number.empty())
    return cancel_in_cluster(number);
  exec::Json facts;
  auto host = exec::open_host(record.value().target, facts);
  if (!host) return exec::complain(125, host.error());
  host.value()->send(Kind::cancel, exec::Json{{"job", record.value().job}});
  for (exec::Message message; host.value()->receive(message);) {
    if (message.kind == Kind::failure) return exec::complain(125, message.text);
    if (message.kind != Kind::ended) continue;
    std::printf("%s is %s\n", record.value().job.c_str(), plain(exec::text_in(message.json(), "state")).c_str());
    return 0;
  }
  return exec::complain(125, "the link to " + record.value().target + " broke");
}

}  // namespace

void add_jobs(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<Options>();
  auto add = [&](const char* name, const char* what, bool names_job, int (*body)(const Options&)) {
    auto* command = app.add_subcommand(name, what);
    command->add_option("--on", options->target, "The host (default: the one that the job was started on)");
    if (names_job) command->add_option("job", options->job, "Its name, or the beginning of it")->required();
    commands.emplace_back(command, [options, body] { return body(*options); });
    return command;
  };
  add("jobs", "What was shipped to hosts and runs there, or has ended", false, list)
      ->add_flag("--json", options->json, "As JSON");
  add("logs", "What a job wrote", true, logs)->add_flag("-f,--follow", options->follow, "Until it ends, as it appears");
  add("wait", "Wait until a job ends; its exit code is ours", true, wait);
  auto* bring = add("fetch", "Bring a job's results here", true, fetch);
  bring->add_option("--to", options->to, "The folder (default: the one that the job was started from)");
  bring->add_flag("--overwrite", options->overwrite, "Replace files that were changed here since the job was started");
  add("cancel", "End a job: SIGTERM, and SIGKILL five seconds later", true, cancel);
}

}  // namespace cli
