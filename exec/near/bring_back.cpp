#include "exec/near/bring_back.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <nlohmann/json.hpp>

#include "exec/hash_files.h"
#include "exec/near/beneath.h"
#include "exec/near/meter.h"
#include "exec/transfer.h"
#include "exec/files.h"

namespace exec {
namespace {

bool interrupted() {
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) || sigismember(&set, SIGHUP);
}

class Homecoming {
 public:
  Homecoming(Conversation& host, const Record& record, const BringOptions& options, Beneath folder)
      : host_(host), record_(record), options_(options), folder_(std::move(folder)) {}
  ~Homecoming() {
    if (!good_) undo();
  }
  base::Result<Brought> run();

 private:
  base::Status choose(size_t number);
  bool is_ours_already(const Entry& entry, const struct stat& status) const;
  base::Status receive();
  base::Status take(const PiecePlace& place, std::span<const std::byte> bytes);
  base::Status make(const Entry& entry);
  base::Status give_names();
  void undo();
  std::string other_name(const std::string& name) const {
    return name.substr(0, name.size() - last_part(name).size()) + "." + last_part(name) + ".outboard-" + record_.job;
  }

  Conversation& host_;
  const Record& record_;
  const BringOptions& options_;
  Beneath folder_;
  Manifest manifest_;
  std::vector<size_t> coming_;  // entries, ascending
  size_t open_entry_ = SIZE_MAX;
  base::Fd open_;
  Brought brought_;
  bool good_ = false;
};

base::Result<Brought> Homecoming::run() {
  if (!host_.send(Kind::fetch, Json{{"job", record_.job}})) return base::Error{"the connection broke"};
  Message message = TRY(host_.expect(Kind::results, record_.target));
  auto decoded = decode(message.bytes);
  if (!decoded) return base::Error{record_.target + " offers results that are refused: " + decoded.error()};
  manifest_ = std::move(decoded.value());
  const Json notes = message.json();
  for (const std::string& left : texts_in(notes, "left")) brought_.told.push_back("not brought back: " + left);
  for (const std::string& glob : texts_in(notes, "unmatched"))
    brought_.told.push_back("no output matches '" + glob + "'");
  for (size_t i = 0; i < manifest_.size(); ++i) TRY(choose(i));
  TRY(receive());
  TRY(give_names());
  good_ = true;
  return brought_;
}

// Whether what is here may be replaced. What others wrote while the job ran is not.
base::Status Homecoming::choose(size_t number) {
  const Entry& entry = manifest_[number];
  struct stat status {};
  const bool there = TRY(folder_.look(entry.path, status));
  if (there && entry.kind == Entry::Kind::folder && S_ISDIR(status.st_mode)) return base::Done{};
  if (there && S_ISDIR(status.st_mode)) {
    brought_.told.push_back("not brought back: " + entry.path + ": here it is a folder");
    return base::Done{};
  }
  if (there && is_ours_already(entry, status)) return base::Done{};
  const bool newer = status.st_ctim.tv_sec != record_.started_s ? status.st_ctim.tv_sec > record_.started_s
                                                                : status.st_ctim.tv_nsec > record_.started_ns;
  if (there && newer && !options_.overwrite) {
    brought_.told.push_back(entry.path +
                            " was written by another run, or by you, while this one ran, and is left as it is; "
                            "outboard fetch " +
                            record_.job + " --to FOLDER brings this run's, --overwrite replaces it");
    return base::Done{};
  }
  coming_.push_back(number);
  return base::Done{};
}

bool Homecoming::is_ours_already(const Entry& entry, const struct stat& status) const {
  if (entry.kind != Entry::Kind::file || !S_ISREG(status.st_mode)) return false;
  if (static_cast<uint64_t>(status.st_size) != entry.size) return false;
  auto hashes = hash_file(folder_.path() + "/" + entry.path, entry.size);
  return hashes && hashes.value() == entry.pieces;
}

base::Status Homecoming::receive() {
  const auto places = pieces_of(manifest_);
  std::vector<uint32_t> wanted;
  uint64_t total = 0;
  std::vector<bool> comes(manifest_.size());
  for (size_t entry : coming_) {
    comes[entry] = true;
    TRY(make(manifest_[entry]));
  }
  for (size_t i = 0; i < places.size(); ++i) {
    if (!comes[places[i].entry]) continue;
    wanted.push_back(static_cast<uint32_t>(i));
    total += places[i].size;
  }
  if (!host_.send(Kind::wants, Json::object(), encode(wanted))) return base::Error{"the connection broke"};
  Meter meter("bringing back", total, options_.quiet);
  TRY(receive_pieces(
      host_, places, wanted,
      [&](const PiecePlace& place, std::span<const std::byte> bytes) { return take(place, bytes); },
      [&](uint64_t done, uint64_t travelled) { meter.moved(done, travelled); }));
  meter.finish();
  open_.close();
  return base::Done{};
}

// The place under the other name, with its room on the disk.
base::Status Homecoming::make(const Entry& entry) {
  const std::string name = other_name(entry.path);
  base::Fd folder = TRY(folder_.folder_of(entry.path));
  unlinkat(folder.get(), last_part(name).c_str(), 0);  // of an earlier attempt
  if (entry.kind == Entry::Kind::folder) return base::Done{};
  if (entry.kind == Entry::Kind::link) {
    if (symlinkat(entry.target.c_str(), folder.get(), last_part(name).c_str()) < 0) return cannot_write(name, errno);
    return base::Done{};
  }
  base::Fd file = TRY(folder_.open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  const auto size = static_cast<off_t>(entry.size);
  const bool room = size == 0 || fallocate(file.get(), 0, 0, size) == 0 || errno == EOPNOTSUPP;
  if (!room || ftruncate(file.get(), size) < 0 || fchmod(file.get(), entry.mode & 0755) < 0)
    return cannot_write(folder_.path() + "/" + entry.path, errno);
  return base::Done{};
}

base::Status Homecoming::take(const PiecePlace& place, std::span<const std::byte> bytes) {
  if (interrupted()) return base::Error{"interrupted"};
  const std::string name = other_name(manifest_[place.entry].path);
  if (open_entry_ != place.entry) open_ = TRY(folder_.open_file(name, O_WRONLY));
  open_entry_ = place.entry;
  return write_at(open_.get(), bytes, place.offset, folder_.path() + "/" + name);
}

// One run at a time; another may have come first while ours was on its way.
base::Status Homecoming::give_names() {
  flock(folder_.descriptor(), LOCK_EX);
  const std::vector<size_t> received = std::move(coming_);
  coming_.clear();
  for (size_t number : received) TRY(choose(number));
  for (size_t number : received) {
    const Entry& entry = manifest_[number];
    base::Fd folder = TRY(folder_.folder_of(entry.path));
    const std::string name = last_part(entry.path), other = last_part(other_name(entry.path));
    if (!std::ranges::binary_search(coming_, number)) {
      unlinkat(folder.get(), other.c_str(), 0);
      continue;
    }
    const int done = entry.kind == Entry::Kind::folder
                         ? mkdirat(folder.get(), name.c_str(), 0777)
                         : renameat(folder.get(), other.c_str(), folder.get(), name.c_str());
    if (done < 0) return cannot_write(folder_.path() + "/" + entry.path, errno);
    ++brought_.files;
  }
  flock(folder_.descriptor(), LOCK_UN);
  return base::Done{};
}

void Homecoming::undo() {
  for (const Entry& entry : manifest_) folder_.remove(other_name(entry.path));
  folder_.unmake();
}

}  // namespace

base::Result<Brought> bring_back(Conversation& host, const Record& record, const BringOptions& options) {
  Beneath folder = TRY(Beneath::open(options.to));
  return Homecoming(host, record, options, std::move(folder)).run();
}

}  // namespace exec
