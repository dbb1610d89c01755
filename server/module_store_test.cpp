#include "server/module_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "wire/digest.h"

namespace {

namespace fs = std::filesystem;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

struct StoreTest : testing::Test {
  StoreTest() {
    std::string pattern = (fs::temp_directory_path() / "module-store-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~StoreTest() override { fs::remove_all(folder); }
  std::string folder;
};

// FIPS 180-4, the example "abc".
TEST(Digest, is_sha_256) {
  EXPECT_EQ(wire::hexadecimal(wire::digest_of(bytes_of("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(StoreTest, images_are_found_by_what_they_contain) {
  const std::string image(100'000, 'p');
  server::ModuleStore(folder, 1 << 20).write(bytes_of(image));
  server::ModuleStore later(folder, 1 << 20);
  EXPECT_EQ(later.read(wire::digest_of(bytes_of(image))), image);
  EXPECT_FALSE(later.read(wire::digest_of(bytes_of("another"))));
}

// Another worker that has fallen to its client writes a good file under a wrong name.
TEST_F(StoreTest, nobody_gets_another_image_than_the_one_named) {
  server::ModuleStore store(folder, 1 << 20);
  const std::string wanted = "wanted image", planted = "planted image";
  store.write(bytes_of(planted));
  fs::rename(fs::path(folder) / wire::hexadecimal(wire::digest_of(bytes_of(planted))),
             fs::path(folder) / wire::hexadecimal(wire::digest_of(bytes_of(wanted))));
  EXPECT_FALSE(store.read(wire::digest_of(bytes_of(wanted))));
}

TEST_F(StoreTest, it_keeps_within_its_size) {
  server::ModuleStore store(folder, 100'000);
  for (char each = 'a'; each < 'k'; ++each) store.write(bytes_of(std::string(30'000, each)));
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder)) bytes += entry.file_size();
  EXPECT_LE(bytes, 100'000u);
  EXPECT_GT(bytes, 0u);
}

TEST(Store, no_folder_keeps_nothing) {
  server::ModuleStore store("", 1 << 20);
  store.write(bytes_of("image"));
  EXPECT_FALSE(store.read(wire::digest_of(bytes_of("image"))));
}

}  // namespace
