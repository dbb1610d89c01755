// Memory that several processes of one user map: a file without a name, which others open by a token.
#pragma once
#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace base {

// Where processes may not reach each other, somebody between them passes descriptors on, by the random part of a token.
struct SharedMemoryExchange {
  void (*publish)(const uint8_t (&name)[16], int descriptor) = nullptr;
  Fd (*open)(const uint8_t (&name)[16]) = nullptr;  // invalid: there is none
};
// Before the first token is made; for the rest of the process.
void exchange_shared_memory(const SharedMemoryExchange& exchange);

// Names a SharedMemory of some process on this machine. Plain bytes, to be passed on; the random part keeps a process
// that reuses the number of a dead one from being taken for it.
struct SharedMemoryToken {
  int32_t process;
  int32_t descriptor;
  uint8_t random[16];
};

class SharedMemory {
 public:
  // `size` bytes of zeros. Pages take memory when they are first written.
  static Result<SharedMemory> create(uint64_t size);
  // Opens what the token names while its process keeps it open. The token may come from anywhere: whatever is not a
  // SharedMemory with this token is refused.
  static Result<SharedMemory> open(const SharedMemoryToken& token);
  // A descriptor of one that create() or open() made; takes it over.
  static Result<SharedMemory> adopt(Fd descriptor);

  int descriptor() const { return descriptor_.get(); }
  uint64_t size() const { return size_; }
  // Valid as long as this object lives.
  SharedMemoryToken token() const;

 private:
  Fd descriptor_;
  uint64_t size_ = 0;
  uint8_t random_[16] = {};
};

}  // namespace base
