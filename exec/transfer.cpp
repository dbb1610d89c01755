#include "exec/transfer.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <future>
#include <thread>

#include "base/fd.h"
#include "exec/files.h"
#include "exec/packed.h"

namespace exec {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t pieces_ahead = 4;  // of whoever is the slower one now

// Whether compressing pays: on a fast link it is the compressor that one waits for. Where that is so, pieces are sent
// as they are for a while, and then the way goes on that was clearly faster.
class Choice {
 public:
  bool compress() const { return compress_; }
  void sent(uint64_t bytes, Clock::duration waited_for_packing) {
    bytes_ += bytes;
    waited_ += waited_for_packing;
    if (bytes_ < batch) return;
    const auto now = Clock::now();
    rate_[compress_] = static_cast<double>(bytes_) / std::chrono::duration<double>(now - began_).count();
    const bool held_up = 2 * waited_ > now - began_;
    bytes_ = 0;
    waited_ = {};
    began_ = now;
    if (compress_) {
      if (held_up && --until_trial_ <= 0) compress_ = false;
    } else if (const bool worse = rate_[false] < clearly * rate_[true]; worse || --until_trial_ < -trial_every) {
      compress_ = true;
      until_trial_ = worse ? trial_every : 0;
    }
  }

 private:
  static constexpr uint64_t batch = uint64_t{32} << 20;
  static constexpr double clearly = 1.2;
  static constexpr int trial_every = 12;  // batches
  bool compress_ = true;
  int until_trial_ = 0;
  uint64_t bytes_ = 0;
  double rate_[2] = {};
  Clock::duration waited_{};
  Clock::time_point began_ = Clock::now();
};

// A thread costs more than a small piece does.
std::launch way_for(const PiecePlace& place) {
  return place.size < (64 << 10) ? std::launch::deferred : std::launch::async;
}

base::Status unpack_and_take(const Message& message, const PiecePlace& place, const TakePiece& take,
                             std::vector<std::byte>& room) {
  const auto piece = unpack(message.bytes, place.size, room);
  if (!piece) return base::Error{"a piece came damaged"};
  if (hash_of(*piece) != *place.hash) return base::Error{"a file changed while it was sent"};
  return take(place, *piece);
}

// Memory of a piece that is read and packed; the next piece has it again.
struct Slot {
  std::vector<std::byte> piece;
  Packer packer;

  base::Result<Packed> read_and_pack(const ReadPiece& read, const PiecePlace& place, bool compress) {
    piece.resize(place.size);
    TRY(read(place, piece));
    return packer.pack(piece, compress);
  }
};

}  // namespace

base::Status send_pieces(Conversation& peer, const std::vector<PiecePlace>& places, const std::vector<uint32_t>& wanted,
                         const ReadPiece& read, const Progress& progress) {
  const size_t ahead = std::clamp<size_t>(std::thread::hardware_concurrency(), pieces_ahead, 8);
  std::vector<Slot> slots(ahead);
  std::deque<std::future<base::Result<Packed>>> packing;
  Choice choice;
  uint64_t done = 0, travelled = 0;
  for (size_t next = 0, sent = 0; sent < wanted.size(); ++sent) {
    for (; next < wanted.size() && packing.size() < ahead; ++next) {
      const PiecePlace& place = places[wanted[next]];
      packing.push_back(
          std::async(way_for(place), [&read, &place, &slot = slots[next % ahead], compress = choice.compress()] {
            return slot.read_and_pack(read, place, compress);
          }));
    }
    const auto before = Clock::now();
    const Packed packed = TRY(packing.front().get());
    const auto waited = Clock::now() - before;
    packing.pop_front();
    if (!peer.send(Kind::piece, wanted[sent], {}, {&packed.form, 1}, packed.bytes))
      return base::Error{"the connection broke"};
    done += places[wanted[sent]].size;
    travelled += 1 + packed.bytes.size();
    choice.sent(places[wanted[sent]].size, waited);
    if (progress) progress(done, travelled);
  }
  return base::Done{};
}

base::Status receive_pieces(Conversation& peer, const std::vector<PiecePlace>& places,
                            const std::vector<uint32_t>& wanted, const TakePiece& take, const Progress& progress) {
  uint64_t done = 0, travelled = 0;
  // Pieces are unpacked and written, one after the other, while the next ones come.
  Message messages[pieces_ahead];
  std::vector<std::byte> room;
  std::shared_future<base::Status> taking[pieces_ahead];
  auto take_after = [&](std::shared_future<base::Status> earlier, const Message& message, const PiecePlace& place) {
    return std::async(way_for(place), [&, earlier = std::move(earlier)]() -> base::Status {
      if (earlier.valid()) TRY(base::Status(earlier.get()));
      return unpack_and_take(message, place, take, room);
    });
  };
  for (size_t i = 0; i < wanted.size(); ++i) {
    const PiecePlace& place = places[wanted[i]];
    std::shared_future<base::Status>& now = taking[i % pieces_ahead];
    if (now.valid()) TRY(base::Status(now.get()));
    Message& message = messages[i % pieces_ahead];
    TRY(peer.expect(Kind::piece, "the other side", message));
    if (message.number != wanted[i]) return base::Error{"a piece came out of order"};
    done += place.size;
    travelled += message.bytes.size();
    now = take_after(taking[(i + pieces_ahead - 1) % pieces_ahead], message, place).share();
    if (way_for(place) == std::launch::deferred) TRY(base::Status(now.get()));
    if (progress) progress(done, travelled);
  }
  if (wanted.empty()) return base::Done{};
  return taking[(wanted.size() - 1) % pieces_ahead].get();
}

std::vector<std::byte> encode(const std::vector<uint32_t>& numbers) {
  auto bytes = std::as_bytes(std::span(numbers));
  return {bytes.begin(), bytes.end()};
}

base::Result<std::vector<uint32_t>> decode_numbers(std::span<const std::byte> bytes, size_t below) {
  std::vector<uint32_t> numbers(bytes.size() / sizeof(uint32_t));
  if (bytes.size() % sizeof(uint32_t)) return base::Error{"the list of pieces is damaged"};
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  for (size_t i = 0; i < numbers.size(); ++i)
    if (numbers[i] >= below || (i && numbers[i] <= numbers[i - 1])) return base::Error{"the list of pieces is damaged"};
  return numbers;
}

base::Status read_part(const std::string& path, uint64_t offset, std::span<std::byte> to) {
  base::Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return base::Error{"cannot read " + path + ": " + std::strerror(errno)};
  return read_at(file.get(), to, offset, path);
}

}  // namespace exec
