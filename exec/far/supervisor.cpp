#include "exec/far/supervisor.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "exec/far/clock.h"
#include "exec/far/finish.h"
#include "exec/far/jobs.h"
#include "exec/far/preparation.h"
#include "exec/far/remains.h"
#include "exec/far/results.h"
#include "exec/far/supervision.h"
#include "exec/far/waiting_supervisor.h"
#include "exec/far/watched.h"
#include "exec/files.h"

namespace exec {
namespace {

constexpr int64_t kill_after_ms = 5000;  // between SIGTERM and SIGKILL
constexpr int64_t disk_look_ms = 100;
constexpr uint64_t no_limit = std::numeric_limits<uint64_t>::max();

// Somebody who reads the output.
struct Reader {
  base::Fd socket;
  bool holds = false;
  FromSupervisor told{no_limit, no_limit, no_limit};
};

class Supervisor {
 public:
  Supervisor(Place place, Jobs jobs, Job job, Spec spec, Watched watched, HostGpu gpu)
      : place_(std::move(place)),
        jobs_(std::move(jobs)),
        job_(std::move(job)),
        spec_(std::move(spec)),
        watched_(std::move(watched)),
        gpu_(std::move(gpu)),
        folder_(place_.job(job_.id)) {}

  base::Status begin();
  int run();  // the job's exit code

 private:
  base::Status start_next();
  void turn();
  int patience() const;
  void reap();
  void main_ended(int status);
  void handle(Reader& reader);
  void obey(Reader& reader, const ToSupervisor& said, const std::byte* bytes);
  void reader_left(const Reader& reader);
  void tell_readers();
  void keep_time();
  void send_signal(int signal);
  void end(const std::string& state, const std::string& why);
  void limits(uint64_t (&limit)[2]) const;

  Place place_;
  Jobs jobs_;
  Job job_;
  Spec spec_;
  Watched watched_;
  HostGpu gpu_;
  const std::string folder_;
  base::Fd listener_, signals_;
  std::vector<Reader> readers_;
  std::vector<Step> steps_;
  size_t step_ = 0;
  pid_t main_ = 0;
  int failure_code_ = 125;  // when it is not the program that failed
  bool children_ = false;
  std::optional<int> code_;    // of the last step
  uint64_t taken_[2] = {};     // by whoever holds
  bool held_ = false;          // the program waits for a reader
  int64_t hold_ends_ms_ = 0;   // that has gone; 0: it is here
  int64_t grace_ends_ms_ = 0;  // the run ends then; 0: it does not
  int64_t kill_at_ms_ = 0;     // what has been asked to end is killed then; 0: nothing was asked
  unsigned hold_seconds_ = usual_hold_seconds;
};

base::Status Supervisor::begin() {
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = base::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  listener_ = listen_in(folder_.c_str());
  if (!listener_.valid() || !signals_.valid())
    return base::Error{std::string("the job's supervisor cannot listen: ") + std::strerror(errno)};
  job_.process = getpid();
  job_.process_start = start_of(getpid());
  job_.state = "running";
  TRY(jobs_.update(job_));
  held_ = !spec_.detached;
  hold_ends_ms_ = now_ms() + 10'000;  // whoever started it comes at once
  if (held_ && spec_.grace >= 0) grace_ends_ms_ = hold_ends_ms_ + spec_.grace * 1000;
  steps_ = TRY(steps_of(place_, job_.id, spec_, gpu_));
  return base::Done{};
}

base::Status Supervisor::start_next() {
  Step& step = steps_[step_];
  const bool last = step_ + 1 == steps_.size();
  if (!step.says.empty()) TRY(watched_.say(step.says));
  auto started = start_program(step.launch, step.confinement);
  if (auto* failed = std::get_if<NotStarted>(&started)) {
    failure_code_ = failed->code;
    return base::Error{failed->why};
  }
  auto& running = std::get<Running>(started);
  if (last && !running.weak.empty()) TRY(watched_.say("this host cannot confine the program: " + running.weak));
  main_ = running.process;
  children_ = true;
  watched_.set_terminal(step.launch.terminal);
  watched_.adopt(std::move(running), !last);
  return base::Done{};
}

int Supervisor::run() {
  Snapshot before = look_at(folder_ + files_name);
  base::Status started = start_next();
  if (!started) end("failed", started.error());
  if (write(1, "", 1) < 0) hold_ends_ms_ = now_ms();  // whoever waited for it has gone: it is a job
  close(1);
  while (!job_.over() || children_) turn();
  watched_.drain();
  if (job_.state == "ending") job_.state = "done";
  if (job_.state == "failed") static_cast<void>(watched_.say(job_.why));  // where there is room for it
  tell_readers();
  const int code = job_.state == "failed" ? failure_code_ : code_.value_or(128 + SIGTERM);
  base::Status finished = finish_job(place_, jobs_, job_, spec_, before, code);
  if (!finished) base::log(base::Level::error, "job-not-finished", {{"job", job_.id}, {"reason", finished.error()}});
  return finished ? code : 125;
}

// One round: wait for something, do it.
void Supervisor::turn() {
  std::vector<pollfd> watched = {{signals_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
  for (const Reader& reader : readers_) {
    const bool behind = reader.told.out != watched_.size(0) || reader.told.err != watched_.size(1);
    watched.push_back({reader.socket.get(), static_cast<short>(POLLIN | (behind ? POLLOUT : 0)), 0});
  }
  const size_t readers = readers_.size();
  uint64_t limit[2];
  limits(limit);
  watched_.watch(watched, limit);
  if (poll(watched.data(), watched.size(), patience()) < 0) return;
  base::Status moved = watched_.move(watched);
  if (!moved) end("failed", moved.error());
  for (size_t i = 0; i < readers; ++i)
    if (watched[2 + i].revents & ~POLLOUT) handle(readers_[i]);
  std::erase_if(readers_, [](const Reader& reader) { return !reader.socket.valid(); });
  if (watched[1].revents) {
    base::Fd came(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (came.valid()) readers_.push_back({std::move(came), false, {no_limit, no_limit, no_limit}});
  }
  if (watched[0].revents) reap();
  tell_readers();
  keep_time();
}

void Supervisor::limits(uint64_t (&limit)[2]) const {
  // Who has gone for a while comes back to what is kept for him; without anybody the oldest is dropped instead.
  const uint64_t ahead = hold_ends_ms_ ? log_kept : output_window;
  for (int stream : {0, 1}) limit[stream] = held_ ? taken_[stream] + ahead : no_limit;
}

int Supervisor::patience() const {
  int64_t next = watched_.waits_for_disk() ? now_ms() + disk_look_ms : no_limit >> 1;
  for (int64_t at : {hold_ends_ms_, grace_ends_ms_, kill_at_ms_})
    if (at) next = std::min(next, at);
  if (next == static_cast<int64_t>(no_limit >> 1)) return -1;
  return static_cast<int>(std::clamp<int64_t>(next - now_ms(), 0, 60'000));
}

void Supervisor::keep_time() {
  const int64_t now = now_ms();
  for (int stream : {0, 1}) watched_.trim(stream, held_ ? taken_[stream] : no_limit);
  if (hold_ends_ms_ && now >= hold_ends_ms_) {
    hold_ends_ms_ = 0;
    held_ = false;
    watched_.end_input();
  }
  if (grace_ends_ms_ && now >= grace_ends_ms_) {
    grace_ends_ms_ = 0;
    end("cancelled", "its client was gone for longer than its --grace");
  }
  if (kill_at_ms_ && now >= kill_at_ms_) {
    kill_at_ms_ = now + 1000;  // until nobody is left
    end_remains(job_.id, SIGKILL, true);
  }
  if (!children_ && code_ && watched_.silent() && !job_.over()) {
    if (step_ + 1 < steps_.size() && *code_ == 0) {
      if (!steps_[step_].marks.empty()) std::ofstream(steps_[step_].marks);
      ++step_;
      code_.reset();
      kill_at_ms_ = 0;
      if (base::Status next = start_next(); !next) end("failed", next.error());
    } else if (step_ + 1 < steps_.size()) {
      end("failed", steps_[step_].says + " failed; what it said is in the job's output");
    } else {
      job_.state = "ending";
    }
  }
}

void Supervisor::reap() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) == sizeof info)
    if (info.ssi_signo != SIGCHLD) end("cancelled", "its supervisor was told to end");
  int status = 0;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
    if (pid == main_) main_ended(status);
  children_ = pid == 0;
  // A process that was moved out of reach may hold a stream; nobody waits for it.
  if (!children_ && kill_at_ms_) watched_.close_streams();
}

void Supervisor::main_ended(int status) {
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  main_ = 0;
  // What it left behind in the background ends with it.
  if (end_remains(job_.id, SIGTERM, true)) kill_at_ms_ = now_ms() + kill_after_ms;
}

void Supervisor::end(const std::string& state, const std::string& why) {
  if (job_.over()) return;
  job_.state = state;
  job_.why = why;
  end_remains(job_.id, SIGTERM, true);
  kill_at_ms_ = now_ms() + kill_after_ms;
}

void Supervisor::handle(Reader& reader) {
  std::byte bytes[sizeof(ToSupervisor) + most_input];
  for (;;) {
    ssize_t got = recv(reader.socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < static_cast<ssize_t>(sizeof(ToSupervisor))) break;
    ToSupervisor said{};
    std::memcpy(&said, bytes, sizeof said);
    if (said.ask == Ask::input && said.size != static_cast<size_t>(got) - sizeof said) break;
    obey(reader, said, bytes + sizeof said);
    if (!reader.socket.valid()) break;
  }
  reader_left(reader);
  reader.socket.close();
}

void Supervisor::obey(Reader& reader, const ToSupervisor& said, const std::byte* bytes) {
  switch (said.ask) {
    case Ask::hold:
      for (Reader& other : readers_)
        if (&other != &reader && other.holds) other.holds = false, other.socket.close();  // one that did not notice
      reader.holds = held_ = true;
      hold_ends_ms_ = grace_ends_ms_ = 0;
      hold_seconds_ = said.number;
      break;
    case Ask::taken:
      if (!reader.holds) break;
      taken_[0] = std::clamp(said.at, taken_[0], watched_.size(0));
      taken_[1] = std::clamp(said.size, taken_[1], watched_.size(1));
      break;
    case Ask::input:
      if (!reader.holds) break;
      if (said.size == 0)
        watched_.end_input();
      else if (!watched_.take_input(said.at, bytes, said.size))
        reader.socket.close();
      break;
    case Ask::signal: send_signal(static_cast<int>(said.number)); break;
    case Ask::window:
      if (watched_.terminal() >= 0) set_window(watched_.terminal(), said.number >> 16, said.number & 0xffff);
      break;
    case Ask::cancel: end("cancelled", ""); break;
  }
}

// To the group in front of the terminal, or to the program's own, as a terminal does it.
void Supervisor::send_signal(int signal) {
  if (signal < 1 || signal >= NSIG || !main_) return;
  pid_t group = 0;
  if (watched_.terminal() < 0 || ioctl(watched_.terminal(), TIOCGPGRP, &group) < 0 || group <= 0) group = main_;
  kill(-group, signal);
}

void Supervisor::reader_left(const Reader& reader) {
  if (!reader.holds) return;
  hold_ends_ms_ = now_ms() + int64_t{hold_seconds_} * 1000;
  if (spec_.grace >= 0) grace_ends_ms_ = now_ms() + spec_.grace * 1000;
}

void Supervisor::tell_readers() {
  const FromSupervisor now{watched_.size(0), watched_.size(1), watched_.input_done()};
  for (Reader& reader : readers_) {
    if (!std::memcmp(&reader.told, &now, sizeof now)) continue;
    if (send(reader.socket.get(), &now, sizeof now, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof now) reader.told = now;
  }
}

base::Result<int> supervise_job(const std::string& id, HostGpu (*find_gpu)(const std::string&)) {
  Place place = TRY(Place::open());
  if (!told_to_go()) return 0;  // who opens the database while the service writes to it waits by sleeping
  Jobs jobs = TRY(Jobs::open(place));
  Job job = TRY(jobs.find(id, ""));
  const std::string folder = place.job(job.id);
  say_into(folder + log_name);
  Spec spec = TRY(parse_spec(Json::parse(content_of(folder + spec_name), nullptr, false)));
  Watched watched(TRY(OutputLog::create(folder + "/out")), TRY(OutputLog::create(folder + "/err")));
  HostGpu gpu = find_gpu(spec.vgpu);
  Supervisor supervisor(place, std::move(jobs), job, spec, std::move(watched), std::move(gpu));
  base::Status begun = supervisor.begin();
  if (!begun) {
    job.state = "failed";
    job.why = begun.error();
    Jobs again = TRY(Jobs::open(place));
    TRY(finish_job(place, again, job, spec, {}, 125));
    return base::Error{begun.error()};
  }
  return supervisor.run();
}

}  // namespace

int supervise(const std::string& id, HostGpu (*find_gpu)(const std::string&)) {
  auto done = supervise_job(id, find_gpu);
  if (!done) base::log(base::Level::error, "job-not-supervised", {{"job", id}, {"reason", done.error()}});
  return done ? done.value() : 125;
}

}  // namespace exec
