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
#include "exec/packed.h"

namespace exec {
namespace {

using Clock = std::chrono::steady_clock;
using Packed = base::Result<Bytes>;

// Whether compressing pays: on a fast link it is the compressor that one waits for. Both ways are tried on some pieces
// of a long transfer, and the better one goes on until they are tried again.
class Choice {
 public:
  bool compress() const { return compress_; }
  void sent(uint64_t bytes) {
    bytes_ += bytes;
    if (bytes_ < batch) return;
    auto now = Clock::now();
    rate_[compress_] = static_cast<double>(bytes_) / std::chrono::duration<double>(now - began_).count();
    bytes_ = 0;
    began_ = now;
    if (rate_[true] < slow_link)
      compress_ = true;
    else if (++batches_ % trial_every == 1)
      compress_ = !compress_;
    else
      compress_ = rate_[true] >= rate_[false];
  }

 private:
  static constexpr uint64_t batch = uint64_t{32} << 20;
  static constexpr double slow_link = 50e6;  // bytes/s; every compressor is faster
  static constexpr int trial_every = 12;
  bool compress_ = true;
  int batches_ = 0;
  uint64_t bytes_ = 0;
  double rate_[2] = {};
  Clock::time_point began_ = Clock::now();
};

// A thread costs more than a small piece does.
std::launch way_for(const PiecePlace& place) {
  return place.size < (64 << 10) ? std::launch::deferred : std::launch::async;
}

Packed read_and_pack(const ReadPiece& read, const PiecePlace& place, bool compress) {
  Bytes piece(before_piece + place.size);
  TRY(read(place, std::span(piece).subspan(before_piece)));
  return pack(std::move(piece), compress);
}

}  // namespace

base::Status send_pieces(Conversation& peer, const std::vector<PiecePlace>& places, const std::vector<uint32_t>& wanted,
                         const ReadPiece& read, const Progress& progress) {
  const size_t ahead = std::clamp(std::thread::hardware_concurrency(), 2u, 8u);
  std::deque<std::future<Packed>> packing;
  Choice choice;
  uint64_t done = 0, travelled = 0;
  for (size_t next = 0, sent = 0; sent < wanted.size(); ++sent) {
    for (; next < wanted.size() && packing.size() < ahead; ++next) {
      const PiecePlace& place = places[wanted[next]];
      packing.push_back(std::async(way_for(place), [&read, &place, compress = choice.compress()] {
        return read_and_pack(read, place, compress);
      }));
    }
    Packed packed = packing.front().get();
    packing.pop_front();
    if (!packed) return base::Error{packed.error()};
    if (!peer.send(Kind::piece, wanted[sent], {}, packed.value())) return base::Error{"the connection broke"};
    done += places[wanted[sent]].size;
    travelled += packed.value().size();
    choice.sent(places[wanted[sent]].size);
    if (progress) progress(done, travelled);
  }
  return base::Done{};
}

base::Status receive_pieces(Conversation& peer, const std::vector<PiecePlace>& places,
                            const std::vector<uint32_t>& wanted, const TakePiece& take, const Progress& progress) {
  uint64_t done = 0, travelled = 0;
  Message messages[2];  // a piece is written while the next one comes
  Bytes rooms[2];
  std::future<base::Status> taking;
  for (size_t i = 0; i < wanted.size(); ++i) {
    Message& message = messages[i % 2];
    TRY(peer.expect(Kind::piece, "the other side", message));
    const PiecePlace& place = places[wanted[i]];
    if (message.number != wanted[i]) return base::Error{"a piece came out of order"};
    const auto piece = unpack(message.bytes, place.size, rooms[i % 2]);
    if (!piece) return base::Error{"a piece came damaged"};
    if (hash_of(*piece) != *place.hash) return base::Error{"a file changed while it was sent"};
    if (taking.valid()) TRY(taking.get());
    taking = std::async(way_for(place), [&take, &place, bytes = *piece] { return take(place, bytes); });
    if (taking.wait_for(std::chrono::seconds(0)) == std::future_status::deferred) TRY(taking.get());
    done += place.size;
    travelled += message.bytes.size();
    if (progress) progress(done, travelled);
  }
  return taking.valid() ? taking.get() : base::Status(base::Done{});
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
  for (uint64_t done = 0; done < to.size();) {
    ssize_t got = pread(file.get(), to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (got < 0) return base::Error{"cannot read " + path + ": " + std::strerror(errno)};
    if (got == 0) return base::Error{path + " became shorter while it was sent"};
    done += static_cast<uint64_t>(got);
  }
  return base::Done{};
}

}  // namespace exec
