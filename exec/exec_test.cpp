// Names, globs, ignore rules, manifests and packed pieces, as friends and enemies write them.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "exec/conversation.h"
#include "exec/glob.h"
#include "exec/manifest.h"
#include "exec/near/ignore.h"
#include "exec/packed.h"
#include "exec/spec.h"
#include "exec/transfer.h"

namespace exec {
namespace {

TEST(Names, StayInside) {
  for (const char* good : {"a", "a/b", ".hidden", "a..b", "...", "a b/\n"}) EXPECT_TRUE(is_inside(good)) << good;
  for (const char* bad : {"", "/", "/a", "..", "a/..", "../a", "a/../b", "a//b", "a/", ".", "./a", "a/."})
    EXPECT_FALSE(is_inside(bad)) << bad;
  EXPECT_FALSE(is_inside(std::string_view("a\0b", 3)));
}

TEST(Names, LinksLeadInside) {
  EXPECT_TRUE(leads_inside("a", "b"));
  EXPECT_TRUE(leads_inside("a/b", "../c"));
  EXPECT_TRUE(leads_inside("a/b", "../a/../c/./d"));
  for (const char* bad : {"", "/etc", "..", "../a", "x/../../a"}) EXPECT_FALSE(leads_inside("a", bad)) << bad;
  EXPECT_FALSE(leads_inside("a/b", "../../c"));
}

TEST(Globs, Match) {
  EXPECT_TRUE(matches("*.txt", "a.txt"));
  EXPECT_FALSE(matches("*.txt", "a/b.txt"));
  EXPECT_TRUE(matches("**/*.txt", "a.txt"));
  EXPECT_TRUE(matches("**/*.txt", "a/b/c.txt"));
  EXPECT_TRUE(matches("a/**", "a/b/c"));
  EXPECT_TRUE(matches("a/**/z", "a/z"));
  EXPECT_TRUE(matches("[ab]?", "ax"));
  EXPECT_FALSE(matches("a", "a/b"));
  std::string stars, path;
  for (int i = 0; i < 200; ++i) stars += "**/", path += "x/";
  EXPECT_FALSE(matches(stars + "y", path + "z"));  // in time
}

TEST(Ignored, AsGitDoes) {
  Ignore ignore;
  ignore.add("", "# comment\n*.o\n!keep.o\n/top\nbuild/\ndoc/*.html\nspace\\ \n**/deep/x\nall/**\n\r\n");
  EXPECT_TRUE(ignore.ignores("a.o", false));
  EXPECT_TRUE(ignore.ignores("a/b.o", false));
  EXPECT_FALSE(ignore.ignores("a/keep.o", false));
  EXPECT_TRUE(ignore.ignores("top", false));
  EXPECT_FALSE(ignore.ignores("a/top", false));
  EXPECT_TRUE(ignore.ignores("a/build", true));
  EXPECT_FALSE(ignore.ignores("build", false));
  EXPECT_TRUE(ignore.ignores("doc/a.html", false));
  EXPECT_FALSE(ignore.ignores("doc/a/a.html", false));
  EXPECT_TRUE(ignore.ignores("a/deep/x", false));
  EXPECT_TRUE(ignore.ignores("all/x", false));
  EXPECT_FALSE(ignore.ignores("all", true));
  ignore.add("sub", "local\n!a.o\n");
  EXPECT_TRUE(ignore.ignores("sub/local", false));
  EXPECT_FALSE(ignore.ignores("local", false));
  EXPECT_FALSE(ignore.ignores("sub/x/a.o", false));
}

Manifest sample() {
  Manifest manifest = {{"a/b", Entry::Kind::file, 0755, piece_size + 5, "", {{1}, {2}}},
                       {"a/c", Entry::Kind::link, 0777, 0, "b", {}},
                       {"d", Entry::Kind::folder, 0755, 0, "", {}},
                       {"empty", Entry::Kind::file, 0644, 0, "", {}}};
  return manifest;
}

TEST(Manifests, ComeBackAsTheyWere) {
  auto back = decode(encode(sample()));
  ASSERT_TRUE(back.ok()) << back.error();
  ASSERT_EQ(back.value().size(), 4u);
  EXPECT_EQ(back.value()[0].path, "a/b");
  EXPECT_EQ(back.value()[0].pieces, sample()[0].pieces);
  EXPECT_EQ(back.value()[1].target, "b");
  auto places = pieces_of(back.value());
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(places[1].offset, piece_size);
  EXPECT_EQ(places[1].size, 5u);
}

TEST(Manifests, LiesAreRefused) {
  auto refused = [](auto change) {
    Manifest manifest = sample();
    change(manifest);
    return !decode(encode(manifest)).ok();
  };
  EXPECT_TRUE(refused([](Manifest& all) { all[0].path = "../b"; }));
  EXPECT_TRUE(refused([](Manifest& all) { all[0].path = "/b"; }));
  EXPECT_TRUE(refused([](Manifest& all) { all[1].target = "/etc/passwd"; }));
  EXPECT_TRUE(refused([](Manifest& all) { all[3].path = "d"; }));
  EXPECT_TRUE(refused([](Manifest& all) { all[3].path = "a/c/x"; }));  // below a link
  EXPECT_TRUE(refused([](Manifest& all) { all[0].pieces.pop_back(); }));
  EXPECT_TRUE(refused([](Manifest& all) { all[0].size = uint64_t{1} << 62; }));
  EXPECT_TRUE(refused([](Manifest& all) { all[2].size = 1; }));
}

TEST(Manifests, DamagedBytesAreRefusedOrSane) {
  const auto good = encode(sample());
  std::mt19937 random(20261126);
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(decode(std::span(good).first(size)).ok()) << size;
  for (int i = 0; i < 20000; ++i) {
    auto bytes = good;
    for (unsigned changes = 1 + random() % 4; changes; --changes) bytes[random() % bytes.size()] = std::byte(random());
    auto decoded = decode(bytes);
    if (!decoded) continue;
    for (const Entry& entry : decoded.value()) EXPECT_TRUE(is_inside(entry.path));
  }
}

std::vector<std::byte> on_the_way(std::span<const std::byte> piece, bool compress) {
  Packer packer;
  const Packed packed = packer.pack(piece, compress);
  std::vector<std::byte> bytes(1 + packed.bytes.size(), packed.form);
  std::ranges::copy(packed.bytes, bytes.begin() + 1);
  return bytes;
}

TEST(Pieces, PackAndUnpack) {
  std::vector<std::byte> zeros(100000), noise(100000), room;
  std::mt19937 random(1);
  for (std::byte& each : noise) each = std::byte(random());
  for (const auto* piece : {&zeros, &noise})
    for (bool compress : {false, true}) {
      auto packed = on_the_way(*piece, compress);
      const auto unpacked = unpack(packed, piece->size(), room);
      ASSERT_TRUE(unpacked);
      EXPECT_TRUE(std::ranges::equal(*unpacked, *piece));
      EXPECT_FALSE(unpack(packed, piece->size() - 1, room));
      packed.pop_back();
      EXPECT_FALSE(unpack(packed, piece->size(), room));
    }
  EXPECT_LT(on_the_way(zeros, true).size(), 1000u);
  EXPECT_EQ(on_the_way(noise, true).size(), noise.size() + 1);
  EXPECT_FALSE(unpack({}, 0, room));
  const std::byte unknown[] = {std::byte{7}, std::byte{1}};
  EXPECT_FALSE(unpack(unknown, 1, room));
}

TEST(Pieces, AreSentOneAfterTheOtherInTheSameMemory) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Conversation sender{links::Link(base::Fd(ends[0]))}, receiver{links::Link(base::Fd(ends[1]))};
  std::vector<std::byte> content(3 * piece_size + 5);
  std::mt19937 random(2);
  for (size_t i = 0; i < content.size(); ++i) content[i] = std::byte(i / 1000 % 3 ? 0 : random());
  Manifest manifest = {{"a", Entry::Kind::file, 0644, content.size(), "", {}}};
  for (size_t at = 0; at < content.size(); at += piece_size)
    manifest[0].pieces.push_back(hash_of(std::span(content).subspan(at, std::min(piece_size, content.size() - at))));
  const auto places = pieces_of(manifest);
  const std::vector<uint32_t> wanted = {0, 1, 3};
  std::thread sending([&] {
    auto read = [&](const PiecePlace& place, std::span<std::byte> to) -> base::Status {
      std::copy_n(content.begin() + static_cast<ptrdiff_t>(place.offset), to.size(), to.begin());
      return base::Done{};
    };
    EXPECT_TRUE(send_pieces(sender, places, wanted, read).ok());
  });
  std::vector<std::byte> came(content.size());
  auto take = [&](const PiecePlace& place, std::span<const std::byte> bytes) -> base::Status {
    std::ranges::copy(bytes, came.begin() + static_cast<ptrdiff_t>(place.offset));
    return base::Done{};
  };
  EXPECT_TRUE(receive_pieces(receiver, places, wanted, take).ok());
  sending.join();
  std::fill_n(content.begin() + 2 * piece_size, piece_size, std::byte{});
  EXPECT_EQ(came, content);
}

struct Talk {
  Talk() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    raw = base::Fd(ends[1]);
    peer = std::make_unique<Conversation>(links::Link(base::Fd(ends[0])));
  }
  std::unique_ptr<Conversation> peer;
  base::Fd raw;
};

TEST(Frames, ThatLieEndTheConversation) {
  struct {
    uint32_t size, kind;
    uint64_t number, text, bytes;
  } lies[] = {{0, 64, 0, 0, 0},
              {17, 64, 0, 0, 0},
              {16, 64, 0, 1, 0},
              {24, 64, 0, 1, 1},
              {0xfffffff8, 64, 0, 0, 0},
              {16, 64, 0, ~uint64_t{0}, 1},
              {24, 64, 0, ~uint64_t{7}, 16}};
  for (const auto& lie : lies) {
    Talk talk;
    ASSERT_EQ(write(talk.raw.get(), &lie, sizeof lie), static_cast<ssize_t>(sizeof lie));
    talk.raw.close();
    Message message;
    EXPECT_FALSE(talk.peer->receive(message)) << lie.size;
  }
}

TEST(Frames, PiecesWithAnotherContentAreRefused) {
  Talk talk;
  Conversation other(links::Link(base::Fd(talk.raw.release())));
  Manifest manifest = {{"a", Entry::Kind::file, 0644, 4, "", {hash_of(std::as_bytes(std::span("good", 4)))}}};
  const auto places = pieces_of(manifest);
  auto take = [](const PiecePlace&, std::span<const std::byte>) -> base::Status { return base::Done{}; };
  other.send(Kind::piece, 0, {}, on_the_way(std::as_bytes(std::span("evil", 4)), false));
  EXPECT_FALSE(receive_pieces(*talk.peer, places, {0}, take).ok());
  other.send(Kind::piece, 0, {}, on_the_way(std::as_bytes(std::span("good", 4)), false));
  EXPECT_TRUE(receive_pieces(*talk.peer, places, {0}, take).ok());
  EXPECT_FALSE(decode_numbers(encode(std::vector<uint32_t>{1}), 1).ok());
  EXPECT_FALSE(decode_numbers(encode(std::vector<uint32_t>{0, 0}), 2).ok());
}

TEST(Jobs, HaveNamesThatAreNoPaths) {
  EXPECT_TRUE(is_job_name("k3f9x2ab"));
  for (const char* bad : {"", ".", "..", "../x", "a/b", "A", "a b", "\x1b[2J"}) EXPECT_FALSE(is_job_name(bad)) << bad;
  EXPECT_FALSE(is_job_name(std::string(33, 'a')));
}

TEST(Specs, AreChecked) {
  Spec good;
  good.command = "/bin/true";
  good.arguments = {"true"};
  EXPECT_TRUE(parse_spec(to_json(good)).ok());
  auto refused = [&](auto change) {
    Spec spec = good;
    change(spec);
    return !parse_spec(to_json(spec)).ok();
  };
  EXPECT_TRUE(refused([](Spec& spec) { spec.program = "also"; }));
  EXPECT_TRUE(refused([](Spec& spec) { spec.command = "bin/true"; }));
  EXPECT_TRUE(refused([](Spec& spec) { spec.folder = "../x"; }));
  EXPECT_TRUE(refused([](Spec& spec) { spec.arguments.clear(); }));
  EXPECT_TRUE(refused([](Spec& spec) { spec.environment = {{"A=B", "x"}}; }));
  EXPECT_FALSE(parse_spec(Json::parse("[1]")).ok());
  EXPECT_FALSE(parse_spec(Json::parse(R"({"command": 7, "arguments": "x", "keep": -1})")).ok());
}

}  // namespace
}  // namespace exec
