#include "reach/bootstrap/bundle.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/fd.h"
#include "link/helper.h"
#include "reach/child.h"

namespace reach {
namespace {

namespace fs = std::filesystem;

// A file's bytes, for as long as this lives.
class Mapped {
 public:
  explicit Mapped(const fs::path& path) {
    base::Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::error_code error;
    size_ = fs::file_size(path, error);
    if (!file.valid() || error || !size_) return;
    void* at = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (at != MAP_FAILED) at_ = static_cast<const char*>(at);
  }
  ~Mapped() {
    if (at_) munmap(const_cast<char*>(at_), size_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  explicit operator bool() const { return at_ != nullptr; }
  std::span<const char> bytes() const { return {at_, at_ ? size_ : 0}; }

 private:
  const char* at_ = nullptr;
  size_t size_ = 0;
};

std::string sha256(std::span<const char> bytes) {
  uint8_t hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), hash, &size, EVP_sha256(), nullptr);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    constexpr char digits[] = "0123456789abcdef";
    text += digits[hash[i] >> 4];
    text += digits[hash[i] & 15];
  }
  return text;
}

// The C library belongs to the machine, as the GPU's driver does.
bool stays_behind(const std::string& name) {
  for (const char* each : {"linux-vdso", "ld-linux", "libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so",
                           "libresolv.so", "libutil.so", "libnss_", "libcuda.so", "libnvidia"})
    if (name.starts_with(each)) return true;
  return false;
}

// The highest N of the names GLIBC_2.N that a file asks for. They stand in its table of strings, each ended by a NUL.
unsigned needed_libc(std::span<const char> bytes) {
  constexpr std::string_view mark = "GLIBC_2.";
  unsigned highest = 0;
  std::string_view text(bytes.data(), bytes.size());
  for (size_t at = text.find(mark); at != text.npos; at = text.find(mark, at)) {
    at += mark.size();
    unsigned minor = 0;
    size_t digits = 0;
    for (; digits < 3 && at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits)
      minor = minor * 10 + static_cast<unsigned>(text[at] - '0');
    if (digits && at < text.size() && (text[at] == 0 || text[at] == '.')) highest = std::max(highest, minor);
  }
  return highest;
}

// What the dynamic loader would load for a file (ld.so(8), --list).
base::Status add_needed(const fs::path& file, const fs::path& own, std::vector<Piece>& pieces,
                        std::set<std::string>& have) {
  Said said = TRY(ask({"/lib64/ld-linux-x86-64.so.2", "--library-path", own.string(), "--list", file.string()}, 20));
  for (size_t at = 0; at < said.out.size();) {
    size_t end = std::min(said.out.find('\n', at), said.out.size());
    std::string line = said.out.substr(at, end - at);
    at = end + 1;
    size_t begin = line.find_first_not_of(" \t"), arrow = line.find(" => ");
    if (begin == line.npos || arrow == line.npos) continue;
    std::string name = line.substr(begin, arrow - begin), path = line.substr(arrow + 4);
    path = path.substr(0, path.rfind(" (0x"));
    if (path == "not found") return base::Error{file.string() + " needs " + name + ", which is not on this machine"};
    if (stays_behind(name) || !have.insert(name).second) continue;
    pieces.push_back({"lib/outboard/deps/" + name, path});
  }
  return base::Done{};
}

void add_folder(const fs::path& from, const std::string& to, std::vector<Piece>& pieces) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(from, error))
    if (entry.is_regular_file(error) && !entry.is_symlink(error))
      pieces.push_back({to + "/" + entry.path().filename().string(), entry.path()});
}

}  // namespace

base::Result<Bundle> make_bundle() {
  const fs::path program = links::outboard_program(), lib = program.parent_path().parent_path() / "lib";
  Bundle bundle;
  bundle.pieces.push_back({"bin/outboard", program});
  add_folder(lib / "outboard", "lib/outboard", bundle.pieces);
  std::error_code error;
  for (std::string name : {"software", "compilers"}) {
    fs::path installed = lib / "outboard" / name;
    add_folder(fs::exists(installed, error) ? installed : lib / name, "lib/outboard/" + name, bundle.pieces);
  }
  std::set<std::string> have;
  for (size_t i = 0, own = bundle.pieces.size(); i < own; ++i)
    if (const fs::path file = bundle.pieces[i].from; file == program || file.string().find(".so") != std::string::npos)
      TRY(add_needed(file, lib / "outboard/deps", bundle.pieces, have));
  for (Piece& piece : bundle.pieces) {
    Mapped file(piece.from);
    if (!file) return base::Error{"cannot read " + piece.from.string()};
    piece.size = file.bytes().size();
    piece.hash = sha256(file.bytes());
    bundle.size += piece.size;
    bundle.libc_minor = std::max(bundle.libc_minor, needed_libc(file.bytes()));
    bundle.manifest += piece.hash + "  " + piece.name + "\n";
  }
  bundle.hash = sha256(bundle.manifest);
  return bundle;
}

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
    Mapped file(piece.from);
    if (file.bytes().size() != piece.size) return base::Error{piece.from.string() + " has changed meanwhile"};
    if (!write_file(piece.name, file.bytes(), true)) return stopped;
  }
  if (!write({zeros, sizeof zeros})) return stopped;
  return base::Done{};
}

}  // namespace reach
