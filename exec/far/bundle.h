// A bundle on its way into a job's folder: what the store has is copied from there, the rest comes from the client and
// is kept in the store, too.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "exec/far/store.h"
#include "exec/manifest.h"
#include "exec/transfer.h"

namespace exec {

class Bundle {
 public:
  Bundle(const Store& store, std::string folder, Manifest manifest)
      : store_(store), folder_(std::move(folder)), manifest_(std::move(manifest)), places_(pieces_of(manifest_)) {}

  // Numbers of the pieces that the client has to send; each content once.
  std::vector<uint32_t> lacking();
  const std::vector<PiecePlace>& places() const { return places_; }
  // Makes folders and files, and fills in what the store has.
  base::Status make();
  // A piece that came.
  base::Status take(const PiecePlace& place, std::span<const std::byte> bytes);
  // Links, rights: after all pieces.
  base::Status finish();

 private:
  base::Status write(const PiecePlace& place, std::span<const std::byte> bytes);

  const Store& store_;
  const std::string folder_;
  const Manifest manifest_;
  const std::vector<PiecePlace> places_;
  std::map<Hash, std::vector<size_t>> coming_;  // by content: the places that wait for it
  std::vector<bool> waits_;                     // by place
  size_t open_entry_ = SIZE_MAX;                // the file written last
  base::Fd open_;
};

}  // namespace exec
