#include "base/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace base {
namespace {

constexpr char prefix[] = "outboard-";
constexpr size_t prefix_length = sizeof prefix - 1;

std::string name_of(const uint8_t (&random)[16]) {
  constexpr char digits[] = "0123456789abcdef";
  std::string name = prefix;
  for (uint8_t byte : random) {
    name += digits[byte >> 4];
    name += digits[byte & 15];
  }
  return name;
}

int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

// The random part of a descriptor's name, as /proc shows it: "/memfd:NAME (deleted)".
bool read_name(int descriptor, uint8_t (&random)[16]) {
  char link[128];
  std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  ssize_t length = readlink(path.c_str(), link, sizeof link);
  constexpr char start[] = "/memfd:";
  constexpr size_t skipped = sizeof start - 1 + prefix_length;
  if (length < static_cast<ssize_t>(skipped + 32)) return false;
  if (std::memcmp(link, start, sizeof start - 1) != 0) return false;
  if (std::memcmp(link + sizeof start - 1, prefix, prefix_length) != 0) return false;
  for (int i = 0; i < 16; ++i) {
    int high = digit(link[skipped + 2 * i]), low = digit(link[skipped + 2 * i + 1]);
    if (high < 0 || low < 0) return false;
    random[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

SharedMemoryExchange exchange;  // of this process, set while it has one thread

Error failed(const char* what) { return Error{std::string(what) + ": " + std::strerror(errno)}; }

}  // namespace

void exchange_shared_memory(const SharedMemoryExchange& given) { exchange = given; }

Result<SharedMemory> SharedMemory::create(uint64_t size) {
  SharedMemory made;
  if (getrandom(made.random_, sizeof made.random_, 0) != sizeof made.random_) return failed("no random numbers");
  made.descriptor_ = Fd(memfd_create(name_of(made.random_).c_str(), MFD_CLOEXEC));
  if (!made.descriptor_.valid()) return failed("shared memory cannot be made");
  if (ftruncate(made.descriptor(), static_cast<off_t>(size)) != 0) return failed("shared memory cannot be that large");
  made.size_ = size;
  return made;
}

Result<SharedMemory> SharedMemory::adopt(Fd descriptor) {
  SharedMemory made;
  struct stat status {};
  if (fstat(descriptor.get(), &status) != 0) return failed("not an open descriptor");
  if (!read_name(descriptor.get(), made.random_)) return Error{"the descriptor is no shared memory of Outboard's"};
  made.descriptor_ = std::move(descriptor);
  made.size_ = static_cast<uint64_t>(status.st_size);
  return made;
}

Result<SharedMemory> SharedMemory::open(const SharedMemoryToken& token) {
  if (exchange.open) {
    Fd given = exchange.open(token.random);
    if (!given.valid()) return Error{"the shared memory is gone"};
    return adopt(std::move(given));
  }
  std::string path = "/proc/" + std::to_string(token.process) + "/fd/" + std::to_string(token.descriptor);
  // O_PATH first: a forged token must not open (and so perhaps act on) anything but shared memory.
  Fd named(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!named.valid()) return failed("the process that shared this memory cannot be reached");
  uint8_t random[16];
  if (!read_name(named.get(), random) || std::memcmp(random, token.random, sizeof random) != 0)
    return Error{"the shared memory is gone"};
  std::string again = "/proc/self/fd/" + std::to_string(named.get());
  Fd opened(::open(again.c_str(), O_RDWR | O_CLOEXEC));
  if (!opened.valid()) return failed("the shared memory cannot be opened");
  return adopt(std::move(opened));
}

SharedMemoryToken SharedMemory::token() const {
  SharedMemoryToken token{getpid(), descriptor(), {}};
  std::memcpy(token.random, random_, sizeof random_);
  if (exchange.publish) exchange.publish(random_, descriptor());
  return token;
}

}  // namespace base
