#include "cli/slurm_jobs.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "client/target.h"
#include "exec/near/records.h"
#include "exec/near/ship.h"
#include "reach/slurm/job.h"

namespace cli {
namespace {

// Slurm's states (squeue(1), JOB STATE CODES) as states of our jobs.
std::string state_of(const std::string& slurms) {
  static const std::map<std::string, std::string> states = {
      {"RUNNING", "running"},   {"COMPLETING", "ending"},  {"COMPLETED", "done"},  {"CANCELLED", "cancelled"},
      {"FAILED", "failed"},     {"TIMEOUT", "failed"},     {"DEADLINE", "failed"}, {"OUT_OF_MEMORY", "failed"},
      {"PREEMPTED", "failed"},  {"NODE_FAIL", "lost"},     {"BOOT_FAIL", "lost"},  {"REVOKED", "lost"},
      {"STOPPED", "suspended"}, {"SUSPENDED", "suspended"}};
  auto found = states.find(slurms);
  return found == states.end() ? "waiting" : found->second;  // PENDING, CONFIGURING, REQUEUED, ...
}

// "2026-11-26T07:30:00" in local time; 0: it is no time.
uint64_t seconds_of(const std::string& text) {
  tm parts{};
  parts.tm_isdst = -1;
  return strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) ? static_cast<uint64_t>(std::mktime(&parts)) : 0;
}

std::string why(const reach::OwnJob& job) {
  const std::string where = job.nodes.empty() ? "" : " on " + job.nodes;
  const bool says_more = !job.reason.empty() && job.reason != "None";
  return job.state + where + (says_more ? ": " + job.reason : "");
}

}  // namespace

bool is_cluster(const std::string& target) {
  auto door = client::find_door(target);
  return door && door.value().address.kind == links::Address::Kind::slurm &&
         links::in_query(door.value().address.query, "job").empty();
}

std::string number_in_cluster(const std::string& target) {
  auto door = client::find_door(target);
  const bool slurm = door && door.value().address.kind == links::Address::Kind::slurm;
  return slurm ? links::in_query(door.value().address.query, "job") : "";
}

base::Result<exec::Json> jobs_of_cluster(const std::string& target) {
  const std::string number = number_in_cluster(target);
  exec::Json all = exec::Json::array(), program;
  for (const reach::OwnJob& job : TRY(reach::own_jobs())) {
    exec::Json told = {{"job", job.number},     {"state", state_of(job.state)},         {"why", why(job)},
                       {"code", job.exit_code}, {"created", seconds_of(job.submitted)}, {"command", job.command}};
    if (job.number == number) program = told;
    all.push_back(std::move(told));
  }
  if (number.empty()) return all;
  if (program.is_null()) program = {{"state", "forgotten"}, {"why", "by Slurm; outboard wait asks its node"}};
  if (exec::text_in(program, "state") == "failed" && exec::number_in(program, "code")) program["state"] = "done";
  all = exec::Json::array();
  for (const exec::Record& record : exec::all_records())
    if (record.target == target) program["job"] = record.job, all.push_back(program);
  return all;
}

int cancel_in_cluster(const std::string& job) {
  uint64_t number = 0;
  auto end = std::from_chars(job.data(), job.data() + job.size(), number);
  if (end.ec != std::errc() || end.ptr != job.data() + job.size())
    return exec::complain(2, "'" + job + "' is no job of Slurm's; outboard jobs lists them by their numbers");
  auto now = reach::look_at_job(number);
  if (now && now.value().over()) return exec::complain(125, "job " + job + " is over already: " + now.value().state);
  base::Status done = reach::cancel(number);
  if (!done) return exec::complain(125, done.error());
  std::printf("%s is cancelled\n", job.c_str());
  return 0;
}

}  // namespace cli
