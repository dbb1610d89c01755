#include "reach/slurm/place.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "link/helper.h"
#include "reach/bootstrap/bootstrap.h"
#include "reach/far.h"

namespace reach {
namespace {

using namespace std::chrono_literals;

constexpr auto beat_every = 1s;
constexpr auto failed_after = 4s;
constexpr auto ask_every = 15s;
constexpr auto slurm_may_see = 15s, settling = 20s;
constexpr auto margin = 500ms;  // clocks of two machines run alike, but nobody has set a watch by them
constexpr size_t longest_line = 32;

std::string number(uint64_t value) { return std::to_string(value); }

// The same file for the job's script, the keeper and the servers, on the node's own disk.
constexpr const char* lease_folder = "/tmp/outboard-$(id -u)";

// A node without Outboard: a shell stands in for the keeper until there is a copy. Each line of ours is a sign of life,
// noted beside the lease's file for the job's script; when we are gone it stays as it is.
std::string stand_in(const std::string& file) {
  return "d=\"" + std::string(lease_folder) + "\"; mkdir -m 700 \"$d\" 2>/dev/null; [ -O \"$d\" ] || exit 1; " +
         "[ -L \"$d\" ] && exit 1; f=\"" + file +
         ".alive\"; i=0; while echo $i >\"$f\" && echo $i && read -r l; do i=$((i + 1)); done";
}

// What the job's script does until the keeper has come with the copy that it will run, too: first it gives us a minute,
// then ten seconds from one sign of life to the next. Where nothing comes of it, it takes away what a step that was
// killed has left.
std::string until_copied(const std::string& file) {
  return "f=" + file + "\ngive_up() { rm -rf \"$f.alive\" \"" + half_done +
         "\".*; exit 1; }\ntrap give_up TERM\na=; q=300\nuntil [ -e \"$f\" ]; do\n"
         "  b=$(cat \"$f.alive\" 2>/dev/null); [ \"$b\" = \"$a\" ] || q=50; a=$b; q=$((q - 1)); [ $q -gt 0 ] || "
         "give_up\n"
         "  sleep 0.2\ndone\ntrap - TERM\nrm -f \"$f.alive\"\n";
}

// Ends with the lease, and the job with it: also when nobody is left who could cancel it. That of jobs that shall stay
// ends with the last of them.
std::string job_script(const std::string& name, Place::Use use) {
  const bool stays = use == Place::Use::jobs;
  const std::string file = "\"" + std::string(lease_folder) + "/place-" + name + "-$g\"";
  const std::string arguments =
      (stays ? "place work " : "place hold ") + file + " " + number(Place::lease_seconds) + (stays ? " $g" : "");
  return "#!/bin/sh\nunset OUTBOARD_TARGET OUTBOARD_PLACE OUTBOARD_BOOTSTRAP LD_PRELOAD\n"
         "g=$((SLURM_JOB_ID * 65536 + ${SLURM_RESTART_COUNT:-0}))\n" +
         (wants_bootstrap() ? until_copied(file) : "") + far_script({arguments, links::outboard_program(), false}) +
         "\n";
}

base::Status stays(Program& program) {
  if (program.hear()) return base::Done{};
  return base::Error{"the program has left"};
}

std::string new_name() {
  if (const char* given = std::getenv(place_name_variable); given && *given) return given;
  uint32_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) random = static_cast<uint32_t>(getpid());
  char text[16];
  std::snprintf(text, sizeof text, "%08x", random);
  return text;
}

// Says each state once.
class Waiting {
 public:
  void say(uint64_t job, const JobState& now) {
    std::string text = now.waits() ? "waits: " + now.reason : "is " + now.state;
    if (text == said_) return;
    said_ = text;
    if (now.waits() && !now.start.empty()) text += "; Slurm means to start it at " + now.start;
    if (since_ + 1s > Place::Clock::now()) return said_.clear();  // most start at once
    std::fprintf(stderr, "outboard: job %llu %s\n", static_cast<unsigned long long>(job), text.c_str());
  }

 private:
  std::string said_;
  Place::Clock::time_point since_ = Place::Clock::now();
};

}  // namespace

base::Result<std::unique_ptr<Place>> Place::take(const links::Address& address, Program& program, const Words& command,
                                                 Use use) {
  std::unique_ptr<Place> place(new Place(address, command, use, new_name()));
  const std::string given = links::in_query(address.query, "job");
  if (given.empty()) {
    // A job may wait for long, and should not have a GPU while it waits for an answer.
    if (wants_bootstrap()) TRY(agree_beforehand(address.text(), [&] { return stays(program); }));
    TRY(place->submit_job());
    TRY(place->await_start(program, 0));
  } else {
    TRY(place->find_job(std::strtoull(given.c_str(), nullptr, 10), program));
  }
  if (use != Use::by_number) TRY(place->start_keeper(program));
  return place;
}

base::Status Place::find_job(uint64_t given, Program& program) {
  job_ = given;
  base::Status started = await_start(program, 0);
  const std::string node = links::in_query(address_.query, "nodes");
  if (started || node.empty()) return started;
  std::fprintf(stderr, "outboard: job %llu is over; another one goes to %s, where it was\n",
               static_cast<unsigned long long>(given), node.c_str());
  TRY(submit_job());
  return await_start(program, 0);
}

// A keeper that ends well has given the lease back, and the job's script ends by itself: Slurm shall call that done.
bool Place::give_back() {
  pulse_.close();
  if (!keeper_) return false;
  if (!reason_.empty()) return keeper_->child().end(), false;
  return keeper_->finish() == 0 && kept_ && !heterogeneous_;
}

// A script that waited for a copy may have missed a keeper that came and went.
bool Place::is_over() const {
  for (int looked = 0; looked < 10; ++looked, poll(nullptr, 0, 200))
    if (auto now = look_at_job(job_); now && !now.value().runs()) return true;
  return false;
}

Place::~Place() {
  const bool ends = give_back() && use_ == Use::sessions && (!wants_bootstrap() || is_over());
  if (ours_ && !ends) (void)cancel(job_).ok();  // it ends with its lease, too
}

base::Status Place::submit_job() {
  job_ = TRY(submit(address_, job_script(name_, use_), command_));
  ours_ = true;
  return base::Done{};
}

base::Status Place::await_start(Program& program, uint64_t restarts_before) {
  Waiting waiting;
  for (auto pause = 50ms;; pause = std::min(pause * 2, std::chrono::milliseconds(1000))) {
    JobState now = TRY(look_at_job(job_));
    if (now.runs() && now.restarts >= restarts_before) {
      restarts_ = now.restarts;
      nodes_ = now.nodes;
      heterogeneous_ = now.heterogeneous;
      return base::Done{};
    }
    if (now.over() && !ours_) return base::Error{"job " + number(job_) + " is over (" + now.state + ")"};
    if (now.over())
      return base::Error{"job " + number(job_) + " ended before it could be used (" + now.state + ", exit code " +
                         now.exit_code + "); is outboard installed on the cluster's nodes? --bootstrap copies it"};
    waiting.say(job_, now);
    pollfd left{program.descriptor(), POLLIN, 0};
    if (poll(&left, 1, static_cast<int>(pause.count())) > 0 && !program.hear())
      return base::Error{"the program has left"};
  }
}

std::string Place::lease_file() const {
  return std::string(lease_folder) + "/place-" + name_ + "-" + number(generation());
}

Words Place::step_words() const {
  Words words = {"srun", "--jobid=" + number(job_), "--overlap", "--ntasks=1", "--nodes=1", "--quiet", "--unbuffered"};
  if (heterogeneous_) words.push_back("--het-group=0");
  words.insert(words.end(), {"/bin/sh", "-c"});
  return words;
}

Words Place::step_words(const FarCommand& command) const {
  Words words = step_words();
  words.push_back(far_script(command));
  return words;
}

std::string Place::target() const {
  std::string text = "slurm://" + address_.where + "?job=" + number(job_) + "&nodes=" + nodes_;
  for (const char* key : {"account", "qos"})
    if (const std::string value = links::in_query(address_.query, key); !value.empty())
      text += std::string("&") + key + "=" + value;
  return text;
}

Words Place::server_words() const {
  const std::string serve = "serve --stdio --exec --lease \"file:" + lease_file() + "," + number(lease_seconds) +
                            "\" --generation " + number(generation());
  const std::string meet = "place meet \"" + lease_file() + "\"";
  return step_words({use_ == Use::jobs ? meet : serve, links::outboard_program()});
}

base::Result<Mark> Place::meet_keeper(Program& program) {
  FarCommand command{"place keep \"" + lease_file() + "\" " + number(lease_seconds), links::outboard_program()};
  if (wants_bootstrap()) {
    command.near_program.clear();
    command.copy_alone = true;
    command.otherwise = stand_in(lease_file());
  }
  keeper_.reset();
  keeper_.emplace(TRY(Server::start(step_words(command), false)));
  Mark mark;
  if (!keeper_->await(mark, program)) return base::Error{"the program has left"};
  return mark;
}

void Place::take_pulse() {
  pulse_ = keeper_->take_socket();
  heard_ = beat_ = fenced_ = asked_ = Clock::now();
}

// The job lives by the stand-in's heartbeat meanwhile, as it will by the keeper's.
base::Status Place::copy_there(const std::string& machine, Program& program) {
  take_pulse();
  const FarShell shell{nodes_ + " of " + address_.text(), step_words(), FarShell::Script::argument};
  TRY(bootstrap(shell, machine, [&]() -> base::Status {
    TRY(stays(program));
    if (!tick()) return base::Error{reason_};
    return base::Done{};
  }));
  pulse_.close();
  (void)keeper_->finish();
  return base::Done{};
}

base::Error Place::no_keeper(const Mark& mark) {
  const int code = keeper_->finish();
  if (mark.machine().empty())
    return base::Error{"job " + number(job_) + " on " + nodes_ + " takes no step (exit code " + number(code) +
                       "); srun says: " + keeper_->last_words()};
  return base::Error{"no outboard is installed on " + nodes_ + " (" + mark.machine() +
                     "); install it on the nodes, or in a folder that they share, or let --bootstrap copy this one "
                     "into its cache there"};
}

base::Status Place::start_keeper(Program& program) {
  Mark mark = TRY(meet_keeper(program));
  if (!mark.machine().empty() && wants_bootstrap()) {
    TRY(copy_there(mark.machine(), program));
    mark = TRY(meet_keeper(program));
  }
  if (!mark.is("ready")) return no_keeper(mark);
  take_pulse();
  kept_ = true;
  return base::Done{};
}

base::Status Place::take_again(Program& program) {
  const uint64_t before = restarts_;
  uint64_t wanted = before + 1;
  pulse_.close();
  if (keeper_) keeper_->child().end();
  keeper_.reset();
  while (Clock::now() < fenced_ + margin) poll(nullptr, 0, 50);
  // Slurm may be about to see it; a node that it takes for good it has to be told of.
  for (const auto patience = Clock::now() + slurm_may_see;; poll(nullptr, 0, 500)) {
    auto now = look_at_job(job_);
    if (now && now.value().over() && ours_) {  // its script has ended with the lease; a later job is a later generation
      TRY(submit_job());
      wanted = 0;
      break;
    }
    if (!now || now.value().waits() || now.value().over() || now.value().restarts != before) break;
    if (Clock::now() < patience) continue;  // it runs, or its last processes are being ended (COMPLETING)
    if (now.value().runs()) requeue(job_);
    break;
  }
  reason_.clear();
  for (const auto patience = Clock::now() + settling;; poll(nullptr, 0, 1000)) {
    TRY(await_start(program, wanted));
    base::Status kept = start_keeper(program);  // a node that has just come back may refuse its first steps
    if (kept || Clock::now() > patience) return kept;
  }
}

int Place::due_ms() const {
  auto next = std::min(heard_ + failed_after, std::max(beat_ + beat_every, heard_));
  auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
  return static_cast<int>(std::max<int64_t>(left, 1));
}

// False: the keeper has ended.
bool Place::hear() {
  char bytes[256];
  for (;;) {
    ssize_t got = recv(pulse_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    for (char each : std::string_view(bytes, static_cast<size_t>(got))) {
      if (each != '\n') {
        if (line_.size() < longest_line) line_ += each;
        continue;
      }
      last_.swap(line_);
      line_.clear();
      heard_ = Clock::now();
    }
  }
}

void Place::send_back() {
  beat_ = Clock::now();
  if (last_.empty()) return;
  const std::string line = last_ + "\n";
  if (send(pulse_.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
    fenced_ = std::max(fenced_, heard_ + std::chrono::seconds(lease_seconds));
}

bool Place::still_ours() {
  if (Clock::now() < asked_ + ask_every) return true;
  asked_ = Clock::now();
  auto now = look_at_job(job_, 1);
  if (!now || (now.value().runs() && now.value().restarts == restarts_)) return true;
  if (now.value().restarts == restarts_ && !now.value().waits()) return true;  // it ends, which we will notice
  reason_ = "node " + nodes_ + " of job " + number(job_) + " has failed, Slurm says; the job is queued again";
  return false;
}

std::string Place::explain_silence(bool broke) const {
  auto now = look_at_job(job_, 1);
  const std::string job = "job " + number(job_);
  if (now && now.value().state == "TIMEOUT") return job + " has reached its time limit";
  if (now && now.value().state == "PREEMPTED") return job + " was preempted";
  if (now && now.value().state == "CANCELLED") return job + " was cancelled";
  const std::string state = now ? "; Slurm says " + now.value().state : "";
  if (broke) return "node " + nodes_ + " of " + job + " has failed: the connection to it broke" + state;
  return "node " + nodes_ + " of " + job + " has failed: no heartbeat for " +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - heard_).count()) + " s" + state;
}

bool Place::tick() {
  if (!reason_.empty()) return false;
  const bool ended = !hear();
  if (!ended && Clock::now() < heard_ + failed_after) {
    if (Clock::now() >= beat_ + beat_every) send_back();
    return still_ours();
  }
  reason_ = explain_silence(ended);
  return false;
}

}  // namespace reach
