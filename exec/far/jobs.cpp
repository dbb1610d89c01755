#include "exec/far/jobs.h"

#include <sys/random.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "exec/far/remains.h"

namespace exec {
namespace {

constexpr const char* columns =
    "id, owner, command, client, state, code, why, created, ended, expires, keep, boot, process, process_start";

bool is_gone(const Job& job) {
  return !job.over() && (job.boot != boot_id() || start_of(job.process) != job.process_start);
}

std::string select(const char* where) { return std::string("SELECT ") + columns + " FROM jobs WHERE " + where; }

}  // namespace

base::Result<Jobs> Jobs::open(const Place& place) {
  auto database = TRY(server::Database::open(place.database()));
  TRY(
      database.run("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, owner TEXT, command TEXT, client TEXT, "
                   "state TEXT, code INTEGER, why TEXT, created INTEGER, ended INTEGER, expires INTEGER, keep INTEGER, "
                   "boot TEXT, process INTEGER, process_start INTEGER)"));
  return Jobs(place, std::move(database));
}

base::Status Jobs::finish(server::Statement& statement) {
  statement.step();
  if (statement.failed()) return database_.error();
  return base::Done{};
}

base::Status Jobs::add(const Job& job) {
  auto insert = database_.prepare("INSERT INTO jobs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  insert.bind(job.id).bind(job.owner).bind(job.command).bind(job.client).bind(job.state).bind(job.code).bind(job.why);
  insert.bind(job.created).bind(job.ended).bind(job.expires).bind(static_cast<int64_t>(job.keep)).bind(job.boot);
  insert.bind(job.process).bind(job.process_start);
  return finish(insert);
}

base::Status Jobs::update(const Job& job) {
  auto change = database_.prepare(
      "UPDATE jobs SET state = ?, code = ?, why = ?, ended = ?, expires = ?, boot = ?, process = ?, process_start = ? "
      "WHERE id = ?");
  change.bind(job.state).bind(job.code).bind(job.why).bind(job.ended).bind(job.expires).bind(job.boot);
  change.bind(job.process).bind(job.process_start).bind(job.id);
  return finish(change);
}

base::Result<std::vector<Job>> Jobs::rows(server::Statement row) {
  std::vector<Job> jobs;
  while (row.step())
    jobs.push_back({row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), row.number(5), row.text(6),
                    row.number(7), row.number(8), row.number(9), static_cast<uint64_t>(row.number(10)), row.text(11),
                    row.number(12), row.number(13)});
  if (row.failed()) return database_.error();
  return jobs;
}

base::Result<Job> Jobs::find(const std::string& id, const std::string& owner) {
  auto statement = database_.prepare(select("substr(id, 1, ?) = ? AND (? = '' OR owner = ?)").c_str());
  statement.bind(static_cast<int64_t>(id.size())).bind(id).bind(owner).bind(owner);
  auto found = TRY(rows(std::move(statement)));
  if (id.empty() || found.empty()) return base::Error{"there is no job '" + id + "' of yours"};
  if (found.size() > 1) return base::Error{"'" + id + "' is the beginning of several jobs; write more of it"};
  return found[0];
}

base::Result<std::vector<Job>> Jobs::all(const std::string& owner) {
  auto statement = database_.prepare(select("? = '' OR owner = ? ORDER BY created").c_str());
  statement.bind(owner).bind(owner);
  return rows(std::move(statement));
}

base::Status Jobs::remove(const std::string& id) {
  std::error_code error;
  std::filesystem::remove_all(place_.job(id), error);
  auto gone = database_.prepare("DELETE FROM jobs WHERE id = ?");
  gone.bind(id);
  return finish(gone);
}

base::Status Jobs::look_after() {
  for (const Job& job : TRY(all(""))) {
    if (is_gone(job)) {
      // Who ended in the meantime has said how before that.
      if (auto now = find(job.id, ""); now && is_gone(now.value())) TRY(bury(std::move(now.value())));
    } else if (job.over() && job.expires && job.expires <= std::time(nullptr)) {
      TRY(remove(job.id));
    }
  }
  return base::Done{};
}

base::Status Jobs::bury(Job job) {
  const bool restarted = job.boot != boot_id();
  if (!restarted) end_remains(job.id, SIGKILL);
  if (job.state == "preparing") return remove(job.id);
  job.state = "lost";
  job.why = restarted ? "the host restarted while it ran" : "its supervisor was killed while it ran";
  job.ended = std::time(nullptr);
  job.expires = job.ended + static_cast<int64_t>(job.keep);
  return update(job);
}

std::string new_job_id() {
  constexpr char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";  // 32, none of which looks like another
  uint8_t random[8] = {};
  if (getrandom(random, sizeof random, 0) != sizeof random) return "";  // it does not fail for so few (getrandom(2))
  std::string id;
  for (uint8_t byte : random) id += letters[byte & 31];
  return id;
}

std::string boot_id() {
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  return id;
}

int64_t start_of(int64_t process) {
  std::string line;
  std::getline(std::ifstream("/proc/" + std::to_string(process) + "/stat"), line);
  const size_t name_ends = line.rfind(')');  // the name may hold anything
  if (name_ends == std::string::npos) return 0;
  char state = 0;
  long long start = 0;
  const char* form = " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld";
  if (std::sscanf(line.c_str() + name_ends + 1, form, &state, &start) != 2 || state == 'Z') return 0;
  return start;
}

}  // namespace exec
