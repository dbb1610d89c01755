#include "exec/near/ship.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "exec/near/bring_back.h"
#include "exec/near/fitting.h"
#include "exec/near/hash_ahead.h"
#include "exec/near/input.h"
#include "exec/near/meter.h"
#include "exec/transfer.h"

namespace exec {
namespace {

// Offers the bundle, sends what the host lacks of it, starts it; the job's id.
base::Result<std::string> send_bundle(Conversation& host, const Plan& plan, const Request& request) {
  const auto manifest = encode(plan.cargo.manifest);
  if (!host.send(Kind::offer, to_json(plan.spec), manifest))
    return base::Error{"the link to " + request.target + " broke"};
  const auto places = pieces_of(plan.cargo.manifest);
  if (places.empty()) host.send(Kind::start);
  Message wants = TRY(host.expect(Kind::wants, request.target));
  const auto lacking = TRY(decode_numbers(wants.bytes, places.size()));
  uint64_t total = 0;
  for (uint32_t number : lacking) total += places[number].size;
  Meter meter("sending", total, request.quiet);
  base::Status sent = send_pieces(
      host, places, lacking,
      [&](const PiecePlace& place, std::span<std::byte> to) {
        return read_part(plan.cargo.sources[place.entry], place.offset, to);
      },
      [&](uint64_t done, uint64_t travelled) { meter.moved(done, travelled); });
  meter.finish();
  if (!sent && !host.broken()) return base::Error{sent.error()};  // a file here; the host waits for it
  if (sent && !places.empty()) host.send(Kind::start);
  const Message started = TRY(host.expect(Kind::started, request.target));  // where the host ended it, it says why
  const std::string job = text_in(started.json(), "job");
  if (!is_job_name(job)) return base::Error{request.target + " gives the job a name that is refused"};
  return job;
}

void tell(const std::vector<std::string>& sentences, bool quiet) {
  if (quiet) return;
  for (const std::string& sentence : sentences) std::fprintf(stderr, "outboard: %s\n", sentence.c_str());
}

// A link that breaks meanwhile is tried again; the host has the results.
base::Result<Brought> bring_back_whatever_breaks(std::unique_ptr<Conversation>& host, const Record& record,
                                                 const BringOptions& options) {
  constexpr int attempts = 5;
  for (int attempt = 1;; ++attempt) {
    auto brought = bring_back(*host, record, options);
    if (brought || !host->broken() || attempt == attempts) return brought;
    Json facts;
    if (auto again = open_host(record.target, facts)) host = std::move(again.value());
    if (attempt > 1) sleep(1);
  }
}

Record make_record(const Request& request, const std::string& job, const timespec& now) {
  std::error_code error;
  return {job,        request.target, std::filesystem::absolute(request.to, error).lexically_normal(),
          now.tv_sec, now.tv_nsec,    request.keep.has_value()};
}

}  // namespace

int complain(int code, const std::string& why) {
  std::fprintf(stderr, "outboard: %s\n", why.c_str());
  return code;
}

int ship(const Request& request) {
  Refusal refusal{125, ""};
  if (!request.vgpu.empty()) setenv("OUTBOARD_VGPU", request.vgpu.c_str(), 1);  // as the greeting reads it
  auto plan = make_plan(request, refusal);
  if (!plan) return complain(refusal.code, plan.error());
  HashAhead hashes(plan.value().cargo);
  Json facts;
  const Json asked = question(plan.value());
  auto host = open_host(request.target, facts, &asked);
  if (!host) return complain(125, host.error());
  if (auto unfit = why_unfit(plan.value(), facts)) return complain(unfit->code, unfit->why);
  auto answer = host.value()->expect(Kind::has, request.target);
  if (!answer) return complain(125, answer.error());
  if (auto unfit = settle(plan.value(), facts, answer.value().json())) return complain(unfit->code, unfit->why);
  tell(plan.value().told, request.quiet);
  base::Status hashed = hashes.finish(plan.value().cargo);
  if (!hashed) return complain(125, hashed.error());
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);  // as the file systems take it
  hold_signals();
  auto job = send_bundle(*host.value(), plan.value(), request);
  if (!job) return complain(125, job.error());
  const Record record = make_record(request, job.value(), now);
  if (base::Status kept = keep(record); !kept) tell({kept.error()}, false);
  if (request.detach) {
    std::printf("%s\n", job.value().c_str());
    return 0;
  }
  Attendance attendance{request.target, job.value(), true, request.terminal, request.quiet, plan.value().spec.grace};
  auto ended = attend(host.value(), attendance);
  if (!ended) return complain(125, ended.error());
  return finish(host.value(), record, ended.value(), {record.folder, request.overwrite, request.quiet});
}

int finish(std::unique_ptr<Conversation>& host, const Record& record, const Ended& ended, const Home& home) {
  int code = ended.state == "lost" ? 125 : ended.code;
  if (ended.state == "lost") complain(125, "the job " + record.job + " is lost: " + ended.why);
  if (ended.state == "cancelled" && !ended.why.empty())
    complain(code, "the job " + record.job + " was ended: " + ended.why);
  if (ended.state == "lost") return code;
  auto brought = bring_back_whatever_breaks(host, record, {home.to, home.overwrite, home.quiet});
  if (!brought) {
    complain(125, brought.error());
    complain(125, "the results are kept on " + record.target + ": outboard fetch " + record.job);
    return code ? code : 125;
  }
  tell(brought.value().told, false);
  if (!brought.value().told.empty()) return code ? code : 125;
  Message done;
  if (!record.kept && host->send(Kind::fetched, Json{{"job", record.job}}) && host->receive(done)) forget(record.job);
  return code;
}

}  // namespace exec
