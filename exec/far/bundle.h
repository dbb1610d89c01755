// A bundle on its way into a job's folder: what the store has is copied from there, the rest comes from the client.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/far/store.h"
#include "exec/manifest.h"
#include "exec/transfer.h"

namespace exec {

class Bundle {
 public:
  // `name`: no other bundle's.
  Bundle(Store& store, std::string folder, std::string name, Manifest manifest)
      : store_(store),
        folder_(std::move(folder)),
        name_(std::move(name)),
        manifest_(std::move(manifest)),
        places_(pieces_of(manifest_)) {}

  const std::vector<PiecePlace>& places() const { return places_; }
  // Makes folders and files, and fills in what the store has.
  base::Status make();
  // After that: numbers of the pieces that the client has to send; each content once.
  std::vector<uint32_t> lacking() const;
  // Bytes of those that will be written a second time, for the store alone.
  uint64_t written_twice() const;
  // A piece that came.
  base::Status take(const PiecePlace& place, std::span<const std::byte> bytes);
  // Links, rights: after all pieces.
  base::Status finish();

 private:
  struct Coming {
    std::vector<size_t> places;  // that wait for it
    bool changed = false;        // the store had it, until a program changed it
  };
  base::Status make_entries();
  base::Status write(const PiecePlace& place, std::span<const std::byte> bytes) const;
  bool is_shared(const PiecePlace& place) const;
  std::string path(size_t entry) const { return folder_ + "/" + manifest_[entry].path; }

  Store& store_;
  const std::string folder_, name_;
  const Manifest manifest_;
  const std::vector<PiecePlace> places_;
  std::map<Hash, Coming> coming_;            // by content
  std::map<size_t, uint64_t> coming_bytes_;  // by entry
};

}  // namespace exec
