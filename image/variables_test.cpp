#include "image/variables.h"

#include <gtest/gtest.h>

#include "image/bundle.h"

namespace {

using Names = std::vector<std::string>;

TEST(Variables, of_every_form) {
  EXPECT_EQ(image::variables_of_ptx(R"(.version 8.0
.target sm_75 // .global .u32 not_this;
/* .global .u32 nor_this; */
.visible .global .align 4 .u32 counter = 7;
.global .align 16 .b8 table[4] = {1, 2, 3, 4};
.visible .const .align 8 .f64 scale = 0d3FF0000000000000;
.weak .global .attribute(.managed) .align 4 .u32 _ZN3fooE;
.global .v4 .f32 wide;
.file 1 "a .global .u32 name.cu"
.func (.reg .b32 r) f(.reg .b32 a) { .reg .b64 %d; ld.global.u32 r, [a]; .global .u32 inside; ret; }
.extern .global .u32 elsewhere;
.entry k(.param .u64 .ptr .global p) { st.global.u32 [p], 1; ret; }
.global .u64 last = counter;)",
                                    100),
            (Names{"counter", "table", "scale", "_ZN3fooE", "wide", "elsewhere", "last"}));
}

TEST(Variables, of_nonsense_are_few) {
  EXPECT_EQ(image::variables_of_ptx("", 10), Names{});
  EXPECT_EQ(image::variables_of_ptx(".global", 10), Names{});
  EXPECT_EQ(image::variables_of_ptx(".global .align", 10), Names{});
  EXPECT_EQ(image::variables_of_ptx("/* open .global .u32 a;", 10), Names{});
  EXPECT_EQ(image::variables_of_ptx("// .global .u32 a;", 10), Names{});
  EXPECT_EQ(image::variables_of_ptx("\"open .global .u32 a;", 10), Names{});
  EXPECT_EQ(image::variables_of_ptx(".global .u32 a; .global .u32 b; .global .u32 c;", 2), (Names{"a", "b"}));
  EXPECT_EQ(image::variables_of_ptx("/", 10), Names{});
}

TEST(Variables, of_a_bundle_are_those_of_its_parts) {
  auto first = image::wrap_ptx(".global .u32 one;"), second = image::wrap_ptx(".const .u32 two;");
  EXPECT_EQ(image::variables_of(first, 10), Names{"one"});
  EXPECT_EQ(image::variables_of(image::bundle({first, second}), 10), (Names{"one", "two"}));
  std::string damaged(100, 'x');
  EXPECT_EQ(image::variables_of(std::as_bytes(std::span(damaged)), 10), Names{});
}

}  // namespace
