// Our tables say what the installed cuda.h says: signatures, layouts and values.
#include <gtest/gtest.h>

#include "tests/drift/signatures.h"

namespace {

void expect_same(const drift::Facts& ours, const drift::Facts& theirs, size_t at_least) {
  EXPECT_GE(theirs.size(), at_least);
  for (const auto& [name, fact] : theirs) {
    auto found = ours.find(name);
    ASSERT_NE(found, ours.end()) << name;
    EXPECT_EQ(found->second, fact) << name;
  }
}

TEST(Drift, SignaturesAreTheHeaders) { expect_same(drift::our_functions(), drift::their_functions(), 600); }
TEST(Drift, LayoutsAreTheHeaders) { expect_same(drift::our_layouts(), drift::their_layouts(), 20); }
TEST(Drift, ValuesAreTheHeaders) { expect_same(drift::our_values(), drift::their_values(), 500); }

}  // namespace
