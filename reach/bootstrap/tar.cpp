#include "reach/bootstrap/tar.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "base/reading/files.h"

namespace reach {
namespace {

constexpr size_t block = 512;

template <size_t size>
void put(char (&field)[size], const std::string& text) {
  std::memcpy(field, text.data(), std::min(text.size(), size));
}

struct Header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2],
      user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
static_assert(sizeof(Header) == block);

std::string octal(uint64_t value, int digits) {
  char text[24];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

Header header_of(const std::string& name, uint64_t size, bool executable) {
  Header header{};
  put(header.name, name);
  put(header.mode, executable ? "0000755" : "0000644");
  put(header.uid, octal(0, 7));
  put(header.gid, octal(0, 7));
  put(header.size, octal(size, 11));
  put(header.mtime, octal(0, 11));
  header.type = '0';
  put(header.magic, std::string("ustar\0", 6));
  put(header.version, "00");
  std::memset(header.checksum, ' ', sizeof header.checksum);
  unsigned sum = 0;
  for (unsigned char each : std::span(reinterpret_cast<const unsigned char*>(&header), sizeof header)) sum += each;
  put(header.checksum, octal(sum, 6) + std::string("\0 ", 2));
  return header;
}

}  // namespace

base::Status write_tar(const Bundle& bundle, const std::function<bool(std::span<const char>)>& write) {
  const base::Error stopped{"the far side takes no more"};
  static constexpr char zeros[2 * block] = {};
  auto write_file = [&](const std::string& name, std::span<const char> bytes, bool executable) {
    Header header = header_of(name, bytes.size(), executable);
    return write({reinterpret_cast<const char*>(&header), sizeof header}) && write(bytes) &&
           write({zeros, (block - bytes.size() % block) % block});
  };
  if (!write_file("manifest", bundle.manifest, false)) return stopped;
  for (const Piece& piece : bundle.pieces) {
    const base::reading::Mapped file(base::reading::Place::here(), piece.from.string());
    if (file.bytes().size() != piece.size) return base::Error{piece.from.string() + " has changed meanwhile"};
    if (!write_file(piece.name, file.bytes(), true)) return stopped;
  }
  if (!write({zeros, sizeof zeros})) return stopped;
  return base::Done{};
}

}  // namespace reach
