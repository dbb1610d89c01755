#include "link/rings.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace links {
namespace {

constexpr size_t control_size = 4096;
constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

base::Error failed(const char* what) { return base::Error{std::string(what) + ": " + std::strerror(errno)}; }

}  // namespace

base::Result<base::Fd> sealed_memory(const char* name, uint64_t size) {
  base::Fd memory(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) return failed("shared memory cannot be made");
  if (ftruncate(memory.get(), static_cast<off_t>(size)) < 0) return failed("shared memory cannot be that large");
  if (fcntl(memory.get(), F_ADD_SEALS, seals) < 0) return failed("shared memory cannot be sealed");
  return memory;
}

base::Status check_sealed(const base::Fd& memory, uint64_t size) {
  struct stat facts {};
  int has = fcntl(memory.get(), F_GET_SEALS);
  if (has < 0 || (has & F_SEAL_SHRINK) == 0) return base::Error{"the peer's memory could be taken away under us"};
  if (fstat(memory.get(), &facts) < 0 || static_cast<uint64_t>(facts.st_size) != size)
    return base::Error{"the peer's memory has another size"};
  return base::Done{};
}

Rings::Rings(Rings&& other) noexcept
    : memory_(std::move(other.memory_)),
      control_(std::exchange(other.control_, nullptr)),
      bytes_(std::exchange(other.bytes_, nullptr)) {}

Rings::~Rings() {
  if (control_) munmap(control_, control_size);
  if (bytes_) munmap(bytes_, 4 * size);
}

base::Result<Rings> Rings::create() {
  Rings made;
  made.memory_ = TRY(sealed_memory("outboard-rings", control_size + 2 * size));
  TRY(made.map());
  return made;
}

base::Result<Rings> Rings::adopt(base::Fd memory) {
  TRY(check_sealed(memory, control_size + 2 * size));
  Rings made;
  made.memory_ = std::move(memory);
  TRY(made.map());
  return made;
}

base::Status Rings::map() {
  constexpr int access = PROT_READ | PROT_WRITE;
  void* control = mmap(nullptr, control_size, access, MAP_SHARED, memory_.get(), 0);
  if (control == MAP_FAILED) return failed("shared memory cannot be mapped");
  control_ = static_cast<RingSide*>(control);
  void* room = mmap(nullptr, 4 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return failed("shared memory cannot be mapped");
  bytes_ = static_cast<std::byte*>(room);
  for (size_t i = 0; i < 4; ++i) {
    auto offset = static_cast<off_t>(control_size + i / 2 * size);
    if (mmap(bytes_ + i * size, size, access, MAP_SHARED | MAP_FIXED, memory_.get(), offset) == MAP_FAILED)
      return failed("shared memory cannot be mapped");
  }
  return base::Done{};
}

}  // namespace links
