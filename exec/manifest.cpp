#include "exec/manifest.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace exec {
namespace {

constexpr size_t longest_path = 4095;

class Out {
 public:
  template <class T>
  void number(T value) {
    bytes(&value, sizeof value);
  }
  void text(const std::string& text) {
    number(static_cast<uint32_t>(text.size()));
    bytes(text.data(), text.size());
  }
  void bytes(const void* from, size_t size) {
    auto* start = static_cast<const std::byte*>(from);
    made.insert(made.end(), start, start + size);
  }
  std::vector<std::byte> made;
};

// Fails sticky, like wire::Reader.
class In {
 public:
  explicit In(std::span<const std::byte> bytes) : left_(bytes) {}
  template <class T>
  T number() {
    T value{};
    if (const std::byte* from = take(sizeof value)) std::memcpy(&value, from, sizeof value);
    return value;
  }
  std::string text() {
    auto size = number<uint32_t>();
    const std::byte* from = size <= longest_path ? take(size) : nullptr;
    if (!from) good = false;
    return from ? std::string(reinterpret_cast<const char*>(from), size) : "";
  }
  const std::byte* take(size_t size) {
    if (!good || size > left_.size()) return good = false, nullptr;
    const std::byte* from = left_.data();
    left_ = left_.subspan(size);
    return from;
  }
  bool at_end() const { return left_.empty(); }
  bool good = true;

 private:
  std::span<const std::byte> left_;
};

uint64_t pieces_in(uint64_t size) { return size / piece_size + (size % piece_size != 0); }

Entry read_entry(In& in) {
  Entry entry;
  entry.path = in.text();
  entry.kind = static_cast<Entry::Kind>(in.number<uint8_t>());
  entry.mode = in.number<uint32_t>() & 0777;
  entry.size = in.number<uint64_t>();
  entry.target = in.text();
  if (entry.kind > Entry::Kind::link || (entry.kind != Entry::Kind::file && entry.size)) in.good = false;
  for (uint64_t count = pieces_in(entry.size), i = 0; in.good && i < count; ++i) {
    Hash hash{};
    if (const std::byte* from = in.take(hash.size())) std::memcpy(hash.data(), from, hash.size());
    entry.pieces.push_back(hash);
  }
  return entry;
}

// A name below a file or a link would lead elsewhere than it says.
base::Status check_places(const Manifest& manifest) {
  std::set<std::string_view> names, leaves;
  for (const Entry& entry : manifest) {
    if (!names.insert(entry.path).second) return base::Error{"'" + entry.path + "' comes twice"};
    if (entry.kind != Entry::Kind::folder) leaves.insert(entry.path);
  }
  for (const Entry& entry : manifest)
    for (size_t at = entry.path.find('/'); at != std::string::npos; at = entry.path.find('/', at + 1))
      if (leaves.contains(std::string_view(entry.path).substr(0, at)))
        return base::Error{"'" + entry.path + "' lies below what is no folder"};
  return base::Done{};
}

}  // namespace

bool is_inside(std::string_view path) {
  if (path.empty() || path.size() > longest_path || path.find('\0') != path.npos) return false;
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

bool leads_inside(std::string_view path, std::string_view target) {
  if (target.empty() || target.front() == '/' || target.find('\0') != target.npos) return false;
  auto depth = std::count(path.begin(), path.end(), '/');
  for (size_t begin = 0; begin <= target.size();) {
    size_t end = std::min(target.find('/', begin), target.size());
    std::string_view part = target.substr(begin, end - begin);
    if (part == "..") {
      if (--depth < 0) return false;
    } else if (!part.empty() && part != ".") {
      ++depth;
    }
    begin = end + 1;
  }
  return true;
}

std::vector<std::byte> encode(const Manifest& manifest) {
  Out out;
  out.number(static_cast<uint32_t>(manifest.size()));
  for (const Entry& entry : manifest) {
    out.text(entry.path);
    out.number(static_cast<uint8_t>(entry.kind));
    out.number(entry.mode);
    out.number(entry.size);
    out.text(entry.target);
    out.bytes(entry.pieces.data(), entry.pieces.size() * sizeof(Hash));
  }
  return std::move(out.made);
}

base::Result<Manifest> decode(std::span<const std::byte> bytes) {
  In in(bytes);
  Manifest manifest;
  const auto count = in.number<uint32_t>();
  if (count > most_entries) return base::Error{"the list of files is longer than " + std::to_string(most_entries)};
  for (uint32_t i = 0; in.good && i < count; ++i) {
    Entry entry = read_entry(in);
    if (!in.good) break;
    if (!is_inside(entry.path)) return base::Error{"'" + entry.path + "' is no name inside a folder"};
    if (entry.kind == Entry::Kind::link && !leads_inside(entry.path, entry.target))
      return base::Error{"the link '" + entry.path + "' leads outside, to '" + entry.target + "'"};
    manifest.push_back(std::move(entry));
  }
  if (!in.good || !in.at_end()) return base::Error{"the list of files is damaged"};
  TRY(check_places(manifest));
  return manifest;
}

uint64_t total_size(const Manifest& manifest) {
  uint64_t size = 0;
  for (const Entry& entry : manifest) size += entry.size;
  return size;
}

std::vector<PiecePlace> pieces_of(const Manifest& manifest) {
  std::vector<PiecePlace> places;
  for (size_t entry = 0; entry < manifest.size(); ++entry)
    for (size_t i = 0; i < manifest[entry].pieces.size(); ++i) {
      uint64_t offset = i * piece_size;
      places.push_back(
          {entry, offset, std::min(piece_size, manifest[entry].size - offset), &manifest[entry].pieces[i]});
    }
  return places;
}

}  // namespace exec
