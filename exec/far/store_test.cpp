// Bundles on their way through a store: what travels again and what does not, whatever programs do to their files.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "exec/far/bundle.h"
#include "exec/far/store.h"
#include "exec/files.h"

namespace exec {
namespace {

namespace fs = std::filesystem;

class Stores : public testing::Test {
 protected:
  Stores() {
    char name[] = "/tmp/outboard-store-XXXXXX";
    root_ = mkdtemp(name);
    fs::create_directory(root_ / "store");
  }
  ~Stores() override { fs::remove_all(root_); }

  // A run whose input is `content`: how many pieces travelled for it. Its folder stays.
  size_t ship(const std::string& job, const std::string& content, size_t cut_after = SIZE_MAX) {
    Manifest manifest = {{"files/data", Entry::Kind::file, 0644, content.size(), "", {}}};
    for (size_t at = 0; at < content.size(); at += piece_size) manifest[0].pieces.push_back(hash_of(part(content, at)));
    Store store(root_ / "store");
    fs::create_directory(root_ / job);
    Bundle bundle(store, root_ / job, job, manifest);
    EXPECT_TRUE(bundle.make().ok());
    const auto lacking = bundle.lacking();
    for (size_t i = 0; i < std::min(lacking.size(), cut_after); ++i) {
      const PiecePlace& place = bundle.places()[lacking[i]];
      EXPECT_TRUE(bundle.take(place, part(content, place.offset)).ok());
    }
    if (cut_after < lacking.size()) return fs::remove_all(root_ / job), cut_after;
    EXPECT_TRUE(bundle.finish().ok());
    EXPECT_EQ(content_of(file(job)), content);
    return lacking.size();
  }

  static std::span<const std::byte> part(const std::string& content, size_t at) {
    return std::as_bytes(std::span(content)).subspan(at, std::min<size_t>(piece_size, content.size() - at));
  }
  fs::path file(const std::string& job) const { return root_ / job / "files/data"; }
  void change(const std::string& job, size_t at) {
    std::fstream(file(job), std::ios::in | std::ios::out | std::ios::binary).seekp(static_cast<std::streamoff>(at))
        << "new";
  }
  uint64_t on_disk() const {
    uint64_t bytes = 0;
    for (const auto& each : fs::recursive_directory_iterator(root_ / "store")) {
      struct stat status {};
      if (stat(each.path().c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1)
        bytes += static_cast<uint64_t>(status.st_blocks) * 512;
    }
    return bytes;
  }
  static std::string noise(size_t size) {
    std::mt19937_64 random(20261126);
    std::string made(size, 0);
    for (size_t i = 0; i + 8 <= size; i += 8) {
      const uint64_t number = random();
      std::memcpy(made.data() + i, &number, sizeof number);
    }
    return made;
  }

  fs::path root_;
};

TEST_F(Stores, WhatCameOnceDoesNotComeAgain) {
  const std::string large = noise(3 * piece_size + 100), small = noise(1000);
  EXPECT_EQ(ship("a", large), 4u);
  EXPECT_EQ(ship("b", small), 1u);
  EXPECT_LT(on_disk(), 100'000u) << "it is written twice";
  EXPECT_EQ(ship("c", large), 0u);
  for (const char* job : {"a", "b", "c"}) fs::remove_all(root_ / job);
  EXPECT_EQ(ship("d", large), 0u);
  EXPECT_EQ(ship("e", small), 0u);
}

TEST_F(Stores, ATransferThatBrokeGoesOn) {
  const std::string large = noise(4 * piece_size);
  EXPECT_EQ(ship("a", large, 3), 3u);
  EXPECT_EQ(ship("b", large), 1u);
  fs::remove_all(root_ / "b");
  EXPECT_EQ(ship("c", large), 0u);
}

TEST_F(Stores, AProgramThatChangesItsFilesChangesNobodyElses) {
  const std::string large = noise(4 * piece_size), small = noise(1000);
  ship("a", large);
  ship("b", small);
  change("a", piece_size);
  change("b", 0);
  EXPECT_EQ(ship("c", large), 1u);
  EXPECT_EQ(ship("d", small), 1u);
  change("c", piece_size);
  change("d", 0);
  EXPECT_EQ(ship("e", large), 0u) << "it was to be kept where no program reaches it";
  EXPECT_EQ(ship("f", small), 0u);
}

TEST_F(Stores, FilesThatBecomeShorterOrClosedAreNotTrusted) {
  const std::string large = noise(2 * piece_size);
  ship("a", large);
  fs::resize_file(file("a"), piece_size / 2);
  EXPECT_EQ(ship("b", large), 2u);
  fs::remove_all(root_ / "b");
  EXPECT_EQ(ship("c", large), 0u);
}

TEST_F(Stores, AFileThatChangedALittleCostsALittle) {
  std::string large = noise(8 * piece_size);
  ship("a", large);
  large[5] ^= 1;
  EXPECT_EQ(ship("b", large), 1u);
  for (const char* job : {"a", "b"}) fs::remove_all(root_ / job);
  EXPECT_LT(on_disk(), 10 * piece_size);
}

TEST_F(Stores, TheOldestGo) {
  const std::string large = noise(4 * piece_size), small = noise(1000);
  ship("a", large);
  ship("b", small);
  for (const char* job : {"a", "b"}) fs::remove_all(root_ / job);
  for (const auto& each : fs::directory_iterator(root_ / "store/files"))
    fs::last_write_time(each.path(), fs::file_time_type::clock::now() - std::chrono::hours(1));
  Store(root_ / "store").clean(piece_size);
  EXPECT_EQ(ship("c", small), 0u);
  EXPECT_EQ(ship("d", large), 4u);
}

TEST_F(Stores, WhatAProgramMadeLargerIsNotKept) {
  const std::string large = noise(2 * piece_size);
  ship("a", large);
  fs::resize_file(file("a"), 100 * piece_size);
  Store(root_ / "store").clean(~uint64_t{0});
  EXPECT_TRUE(fs::is_empty(root_ / "store/files"));
  EXPECT_EQ(ship("b", large), 2u);
}

TEST_F(Stores, DamagedListsAreNotTrusted) {
  const std::string large = noise(2 * piece_size);
  ship("a", large);
  for (const auto& each : fs::directory_iterator(root_ / "store/files"))
    if (each.path().extension() == list_extension) {
      std::fstream(each.path(), std::ios::in | std::ios::out | std::ios::binary) << "nonsense";
      fs::resize_file(each.path(), fs::file_size(each.path()) - 1);
    }
  EXPECT_EQ(ship("b", large), 2u);
}

}  // namespace
}  // namespace exec
