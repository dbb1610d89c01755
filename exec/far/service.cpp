#include "exec/far/service.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "exec/far/attachment.h"
#include "exec/far/bundle.h"
#include "exec/far/finish.h"
#include "exec/far/host.h"
#include "exec/far/jobs.h"
#include "exec/far/preparation.h"
#include "exec/far/waiting_supervisor.h"
#include "exec/spec.h"
#include "exec/transfer.h"
#include "exec/files.h"

namespace exec {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t store_most = uint64_t{20} << 30;    // bytes of pieces that are kept for the next time
constexpr uint64_t disk_reserve = uint64_t{64} << 20;  // never filled up by what is sent

std::string line_of(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line.substr(0, 500);
}

base::Status write_text(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return base::Error{"the disk of the server is full: " + path + " cannot be written"};
  return base::Done{};
}

class Session {
 public:
  Session(links::Link stream, const server::ServiceRequest& request, Place place, Jobs jobs)
      : client_(std::move(stream)),
        request_(request),
        place_(std::move(place)),
        jobs_(std::move(jobs)),
        store_(place_.store()),
        confinement_(usual_confinement()) {}

  void run();

 private:
  base::Status answer(const Message& message);
  base::Status answer_question(const Json& asked);
  base::Status take_offer(const Message& message);
  base::Status check_room(uint64_t bytes) const;
  base::Status take_bundle(const Message& message, const std::string& folder, const Spec& spec);
  base::Status attach(const Json& asked, bool hold);
  base::Status send_results(const Json& asked);
  base::Status list_jobs();
  base::Status cancel(const Json& asked);
  base::Status forget_results(const Json& asked);
  base::Result<Job> job_of(const Json& asked) { return jobs_.find(text_in(asked, "job"), request_.token); }

  Conversation client_;
  const server::ServiceRequest& request_;
  const Place place_;
  Jobs jobs_;
  Store store_;
  const Confinement confinement_;
  std::optional<WaitingSupervisor> supervisor_;  // of the job that is asked for
  std::unique_ptr<Attachment> attachment_;
};

void Session::run() {
  if (!client_.send(Kind::facts, facts_of_host(place_))) return;
  for (Message message; client_.receive(message);) {
    base::Status done = answer(message);
    if (done) continue;
    client_.send(Kind::failure, 0, done.error());
    return;
  }
}

base::Status Session::answer(const Message& message) {
  switch (message.kind) {
    case Kind::alive: return base::Done{};
    case Kind::ask: return answer_question(message.json());
    case Kind::offer: return take_offer(message);
    case Kind::attach: return attach(message.json(), flag_in(message.json(), "hold"));
    case Kind::fetch: return send_results(message.json());
    case Kind::fetched: return forget_results(message.json());
    case Kind::jobs: return list_jobs();
    case Kind::cancel: return cancel(message.json());
    default:
      if (attachment_ && attachment_->obey(message)) return base::Done{};
      return base::Error{"the server does not know what to do with message " +
                         std::to_string(static_cast<uint32_t>(message.kind)) + "; update Outboard there"};
  }
}

// Who asks is about to run something: its supervisor starts meanwhile.
base::Status Session::answer_question(const Json& asked) {
  if (!supervisor_) supervisor_ = TRY(WaitingSupervisor::start(new_job_id()));
  client_.send(Kind::has, what_is_here(asked, confinement_));
  return base::Done{};
}

base::Status Session::take_offer(const Message& message) {
  if (!supervisor_) supervisor_ = TRY(WaitingSupervisor::start(new_job_id()));
  WaitingSupervisor supervisor = std::move(*std::exchange(supervisor_, std::nullopt));
  Spec spec = TRY(parse_spec(message.json()));
  spec.vgpu = request_.vgpu;  // what the token allows
  TRY(jobs_.look_after());
  Job job;
  job.id = supervisor.job();
  job.owner = request_.token;
  job.command = line_of(spec.arguments);
  job.client = spec.client;
  job.state = "preparing";
  job.created = std::time(nullptr);
  job.keep = spec.keep;
  job.boot = boot_id();
  job.process = getpid();
  job.process_start = start_of(getpid());
  TRY(jobs_.add(job));
  const std::string folder = place_.job(job.id);
  mkdir(folder.c_str(), 0700);
  base::Status good = take_bundle(message, folder, spec);
  if (good) good = write_text(folder + spec_name, to_json(spec).dump());
  if (good) good = supervisor.go(folder);
  if (!good) {
    TRY(jobs_.remove(job.id));
    return good;
  }
  client_.send(Kind::started, Json{{"job", job.id}});
  return spec.detached ? base::Done{} : attach({{"job", job.id}}, true);
}

base::Status Session::check_room(uint64_t bytes) const {
  bytes += disk_reserve;
  if (uint64_t room = facts_of_host(place_)["free"]; bytes > room)
    return base::Error{"the disk of the server is full: " + place_.folder + " needs room for " +
                       std::to_string(bytes >> 20) + " MiB and has " + std::to_string(room >> 20) + " MiB"};
  return base::Done{};
}

base::Status Session::take_bundle(const Message& message, const std::string& folder, const Spec& spec) {
  Manifest manifest = TRY(decode(message.bytes)), sent;
  for (const Entry& entry : manifest)
    if (entry.path.starts_with("files/"))
      sent.push_back(entry), sent.back().path.erase(0, 6);
    else if (!entry.path.starts_with("lib/") && entry.path != "files")
      return base::Error{"a bundle has files and lib, and not '" + entry.path + "'"};
  TRY(check_room(total_size(manifest)));
  for (const char* name : {files_name, libraries_name}) mkdir((folder + name).c_str(), 0700);
  Bundle bundle(store_, folder, fs::path(folder).filename(), std::move(manifest));
  TRY(bundle.make());
  const auto lacking = bundle.lacking();
  uint64_t coming = bundle.written_twice();
  for (uint32_t number : lacking) coming += bundle.places()[number].size;
  TRY(check_room(coming));
  if (!client_.send(Kind::wants, Json::object(), encode(lacking))) return base::Error{"the client left"};
  TRY(receive_pieces(client_, bundle.places(), lacking, [&](const PiecePlace& place, std::span<const std::byte> piece) {
    return bundle.take(place, piece);
  }));
  TRY(client_.expect(Kind::start, "the client"));
  TRY(bundle.finish());
  std::error_code error;
  fs::create_directories(folder + files_name + "/" + spec.folder, error);
  const auto before = encode(sent);
  return write_text(folder + before_name, {reinterpret_cast<const char*>(before.data()), before.size()});
}

base::Status Session::attach(const Json& asked, bool hold) {
  TRY(jobs_.look_after());
  Job job = TRY(job_of(asked));
  AttachOptions options{number_in(asked, "out"), number_in(asked, "err"), hold, !flag_in(asked, "once")};
  attachment_.reset();
  attachment_ = std::make_unique<Attachment>(client_, place_, std::move(job), options);
  return base::Done{};
}

base::Status Session::send_results(const Json& asked) {
  const Job job = TRY(job_of(asked));
  const std::string folder = place_.job(job.id);
  if (!job.over()) return base::Error{"the job " + job.id + " still runs; outboard wait " + job.id + " waits for it"};
  const std::string text = content_of(folder + manifest_name);
  if (text.empty())
    return base::Error{"the job " + job.id + " has no results: it " +
                       (job.why.empty() ? "brought them back already" : "is " + job.state + ": " + job.why)};
  const auto bytes = std::as_bytes(std::span(text));
  Manifest manifest = TRY(decode(bytes));
  if (!client_.send(Kind::results, 0, content_of(folder + notes_name), bytes)) return base::Error{"the client left"};
  Message wants = TRY(client_.expect(Kind::wants, "the client"));
  const auto places = pieces_of(manifest);
  const auto wanted = TRY(decode_numbers(wants.bytes, places.size()));
  return send_pieces(client_, places, wanted, [&](const PiecePlace& place, std::span<std::byte> to) {
    return read_part(folder + results_name + "/" + manifest[place.entry].path, place.offset, to);
  });
}

// They are home; what was said and how it ended is kept on.
base::Status Session::forget_results(const Json& asked) {
  const Job job = TRY(job_of(asked));
  std::error_code error;
  if (job.over())
    for (const char* name : {results_name, manifest_name}) fs::remove_all(place_.job(job.id) + name, error);
  client_.send(Kind::done);
  return base::Done{};
}

base::Status Session::list_jobs() {
  TRY(jobs_.look_after());
  Json list = Json::array();
  for (const Job& job : TRY(jobs_.all(request_.token))) list.push_back(to_json(job));
  client_.send(Kind::jobs, Json{{"jobs", list}});
  return base::Done{};
}

base::Status Session::cancel(const Json& asked) {
  TRY(jobs_.look_after());
  const Job job = TRY(job_of(asked));
  if (job.over()) return base::Error{"the job " + job.id + " is over already: " + job.state};
  base::Fd supervisor = connect_in(place_.job(job.id).c_str());
  const ToSupervisor said{Ask::cancel, 0, 0, 0};
  if (write(supervisor.get(), &said, sizeof said) != sizeof said)
    return base::Error{"the supervisor of the job " + job.id + " does not answer"};
  return attach(asked, false);  // and wait for its end
}

}  // namespace

int serve(links::Link stream, const server::ServiceRequest& request) {
  auto place = Place::open();
  auto jobs = place ? Jobs::open(place.value()) : base::Result<Jobs>(base::Error{place.error()});
  if (!jobs) {
    Conversation client(std::move(stream));
    client.send(Kind::failure, 0, jobs.error());
    return 1;
  }
  Session(std::move(stream), request, place.value(), std::move(jobs.value())).run();
  tend();  // a server over pipes has no other time for it
  return 0;
}

void tend() {
  if (!Place::is_there()) return;
  auto place = Place::open();
  auto jobs = place ? Jobs::open(place.value()) : base::Result<Jobs>(base::Error{place.error()});
  if (!jobs) return;
  if (base::Status done = jobs.value().look_after(); !done)
    base::log(base::Level::warn, "jobs-not-tended", {{"reason", done.error()}});
  Store(place.value().store()).clean(store_most);
}

}  // namespace exec
