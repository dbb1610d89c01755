#include "exec/near/hash_ahead.h"

#include "exec/near/hash_cache.h"

namespace exec {

HashAhead::HashAhead(const Cargo& cargo) {
  for (size_t i = 0; i < cargo.manifest.size(); ++i)
    files_.push_back({cargo.manifest[i].kind == Entry::Kind::file ? cargo.sources[i] : "", 0, {}, {}});
  thread_ = std::thread([this] { run(); });
}

HashAhead::~HashAhead() {
  leave_ = true;
  if (thread_.joinable()) thread_.join();
}

void HashAhead::run() {
  for (File& file : files_) {
    if (leave_) return;
    if (file.source.empty()) continue;
    auto pieces = hashes_of(file.source, file.size, &leave_);
    if (!pieces) {
      file.wrong = pieces.error();
      return;
    }
    file.pieces = std::move(pieces.value());
  }
}

base::Status HashAhead::finish(Cargo& cargo) {
  thread_.join();
  for (size_t i = 0; i < cargo.manifest.size(); ++i) {
    Entry& entry = cargo.manifest[i];
    if (entry.kind != Entry::Kind::file) continue;
    if (i >= files_.size()) {
      entry.pieces = TRY(hashes_of(cargo.sources[i], entry.size));
      continue;
    }
    if (!files_[i].wrong.empty()) return base::Error{files_[i].wrong};
    entry.size = files_[i].size;
    entry.pieces = std::move(files_[i].pieces);
  }
  return base::Done{};
}

}  // namespace exec
