// Links PTX into what the driver's stand-in takes for a module, and refuses the rest by name.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "image/bundle.h"
#include "image/fatbin.h"

extern "C" {
int nvJitLinkCreate(void**, uint32_t, const char**);
int nvJitLinkDestroy(void**);
int nvJitLinkAddData(void*, int, const void*, size_t, const char*);
int nvJitLinkAddFile(void*, int, const char*);
int nvJitLinkComplete(void*);
int nvJitLinkGetLinkedCubinSize(void*, size_t*);
int nvJitLinkGetLinkedCubin(void*, void*);
int nvJitLinkGetErrorLogSize(void*, size_t*);
int nvJitLinkGetErrorLog(void*, char*);
}

namespace {

constexpr int cubin = 1, ptx = 2, lto_ir = 3, any = 10;  // nvJitLink.h
const std::string one = ".version 7.0\n.target sm_75\n.address_size 64\n// one", two = one + " and two";

class JitLink : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(nvJitLinkCreate(&link_, 0, nullptr), 0); }
  void TearDown() override { nvJitLinkDestroy(&link_); }
  int add(int type, const std::string& bytes) {
    return nvJitLinkAddData(link_, type, bytes.c_str(), bytes.size() + 1, "name");
  }
  std::string errors() {
    size_t size = 0;
    EXPECT_EQ(nvJitLinkGetErrorLogSize(link_, &size), 0);
    std::string text(size, 0);
    EXPECT_EQ(nvJitLinkGetErrorLog(link_, text.data()), 0);
    return text;
  }
  void* link_ = nullptr;
};

TEST_F(JitLink, parts_come_back_as_a_bundle) {
  ASSERT_EQ(add(ptx, one), 0);
  ASSERT_EQ(add(any, two), 0);
  size_t size = 0;
  EXPECT_NE(nvJitLinkGetLinkedCubinSize(link_, &size), 0);
  ASSERT_EQ(nvJitLinkComplete(link_), 0);
  ASSERT_EQ(nvJitLinkGetLinkedCubinSize(link_, &size), 0);
  std::vector<std::byte> linked(size);
  ASSERT_EQ(nvJitLinkGetLinkedCubin(link_, linked.data()), 0);
  EXPECT_EQ(image::bundle_extent(linked.data()), size);
  auto parts = image::unbundle(linked);
  ASSERT_TRUE(parts);
  ASSERT_EQ(parts.value().size(), 2u);
  auto entries = image::parse_fatbin(parts.value()[1]);
  ASSERT_TRUE(entries);
  auto text = image::unpack(entries.value().at(0));
  ASSERT_TRUE(text);
  EXPECT_STREQ(reinterpret_cast<const char*>(text.value().data()), two.c_str());
}

TEST_F(JitLink, what_is_not_ptx_is_refused_by_name) {
  EXPECT_NE(add(cubin, "\177ELF and so on"), 0);
  EXPECT_NE(errors().find("machine code"), std::string::npos);
  EXPECT_NE(add(lto_ir, "BC"), 0);
  EXPECT_NE(errors().find("LTO-IR"), std::string::npos);
  EXPECT_NE(add(ptx, "no text of that kind"), 0);
  EXPECT_NE(add(any, std::string("\x50\xed\x55\xba\x01\x00\x10\x00\xff\xff\xff\xff\xff\xff\xff\x7f", 16)), 0);
  EXPECT_NE(nvJitLinkAddFile(link_, ptx, "/nonexistent"), 0);
  EXPECT_NE(nvJitLinkComplete(link_), 0);
}

TEST_F(JitLink, wild_handles_are_refused) {
  int nothing = 0;
  void* wild = &nothing;
  EXPECT_NE(nvJitLinkAddData(wild, ptx, one.c_str(), one.size(), ""), 0);
  EXPECT_NE(nvJitLinkComplete(nullptr), 0);
  EXPECT_NE(nvJitLinkDestroy(&wild), 0);
  EXPECT_NE(nvJitLinkCreate(nullptr, 0, nullptr), 0);
}

}  // namespace
