// Modifier words as PTX ISA's instruction descriptions use them.
#include "device/software/ptx/modifiers.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace {

ptx::Modifiers decode(std::initializer_list<const char*> words) {
  ptx::Modifiers modifiers;
  for (const char* word : words) ptx::add_modifier(modifiers, word);
  return modifiers;
}

TEST(Modifiers, ConversionHasDestinationThenSource) {
  auto m = decode({"rzi", "ftz", "s32", "f32"});
  EXPECT_EQ(m.type, ptx::Type::s32);
  EXPECT_EQ(m.source_type, ptx::Type::f32);
  EXPECT_EQ(m.rounding, ptx::Rounding::rzi);
  EXPECT_TRUE(m.ftz);
  EXPECT_FALSE(m.sat);
}

TEST(Modifiers, ComparisonWithBoolean) {
  auto m = decode({"ltu", "and", "f64"});
  EXPECT_EQ(m.compare, ptx::Compare::ltu);
  EXPECT_EQ(m.boolean, ptx::Boolean::and_);
  EXPECT_EQ(m.source_type, ptx::Type::none);
}

TEST(Modifiers, ScopedSpacesAndVectors) {
  auto m = decode({"volatile", "shared::cta", "v4", "f32"});
  EXPECT_EQ(m.space, ptx::Space::shared);
  EXPECT_EQ(m.vector, 4);
  EXPECT_TRUE(m.is_volatile);
  EXPECT_TRUE(m.has("shared::cta"));
  EXPECT_FALSE(m.has("shared"));
}

TEST(Modifiers, TheFirstSpaceOfACopyIsItsDestination) {
  auto m = decode({"async", "cg", "shared", "global", "L2::128B"});
  EXPECT_EQ(m.space, ptx::Space::shared);
}

TEST(Modifiers, AtomicsKeepTheirOperation) {
  EXPECT_EQ(decode({"global", "add", "u32"}).operation, "add");
  EXPECT_EQ(decode({"sync", "bfly", "b32"}).operation, "bfly");
  EXPECT_EQ(decode({"sync", "ballot", "b32"}).operation, "ballot");
}

TEST(Modifiers, WideMultiplication) {
  auto m = decode({"wide", "s32"});
  EXPECT_EQ(m.width, ptx::Width::wide);
  EXPECT_EQ(m.type, ptx::Type::s32);
}

}  // namespace
