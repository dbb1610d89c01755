// Two rings of bytes in memory that client and worker share, one for each way, and the word that each side sleeps on.
//
// Whoever shares memory with a peer trusts nothing in it: own positions are kept outside, the peer's are checked each
// time, and the size is sealed, so that no touch of it can fail.
#pragma once
#include <atomic>
#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace links {

struct RingSide {                             // written by one side, read by the other
  alignas(64) std::atomic<uint64_t> written;  // bytes that it has put into its ring since the start
  alignas(64) std::atomic<uint64_t> read;     // bytes that it has taken from the peer's
  alignas(64) std::atomic<uint32_t> bell;     // a futex; changed by the peer when something else here has changed
  std::atomic<uint32_t> sleepers;             // threads of this side that wait for the bell
};
static_assert(sizeof(RingSide) == 192 && std::atomic<uint64_t>::is_always_lock_free);

class Rings {
 public:
  static constexpr size_t size = size_t{2} << 20;  // of one ring

  enum Who : int { client = 0, worker = 1 };

  static base::Result<Rings> create();
  // What a peer sent; refused unless its size is right and sealed.
  static base::Result<Rings> adopt(base::Fd memory);
  Rings(Rings&& other) noexcept;
  Rings& operator=(Rings&&) = delete;
  ~Rings();

  int descriptor() const { return memory_.get(); }
  RingSide& side(Who who) const { return control_[who]; }
  // The ring that `who` writes. It is mapped twice in a row, so that no piece of it wraps around.
  std::byte* bytes(Who who) const { return bytes_ + 2 * size * who; }

 private:
  Rings() = default;
  base::Status map();

  base::Fd memory_;
  RingSide* control_ = nullptr;
  std::byte* bytes_ = nullptr;
};

// `size` bytes of zeros that no holder can make smaller or larger.
base::Result<base::Fd> sealed_memory(const char* name, uint64_t size);
base::Status check_sealed(const base::Fd& memory, uint64_t size);

}  // namespace links
