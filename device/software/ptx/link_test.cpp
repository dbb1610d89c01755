// Two texts become one module.
#include "device/software/ptx/link.h"

#include <gtest/gtest.h>

#include "device/software/ptx/parser.h"

namespace {

ptx::Module parsed(const std::string& body) {
  ptx::Module module;
  ptx::Error error;
  EXPECT_TRUE(ptx::parse(".version 8.0\n.target sm_75\n.address_size 64\n" + body, module, error)) << error.text;
  return module;
}

const char* const caller = R"(
.extern .global .align 4 .b8 shared_word[4];
.global .align 8 .u64 own = generic(shared_word);
.extern .func (.param .b32 r) twice (.param .b32 a);
.visible .entry k() {
  .reg .b32 %r<4>; .param .b32 a; .param .b32 r;
  ld.global.u32 %r1, [shared_word];
  st.param.b32 [a], %r1;
  call (r), twice, (a);
  ret;
}
)";
const char* const callee = R"(
.global .align 4 .u32 own = 7;
.visible .global .align 4 .b8 shared_word[4] = {1, 2, 3, 4};
.visible .func (.param .b32 r) twice (.param .b32 a) {
  .reg .b32 %r<4>;
  ld.global.u32 %r1, [own];
  ret;
}
)";

TEST(Link, DefinitionsMeetDeclarations) {
  for (bool swapped : {false, true}) {
    ptx::Module linked;
    std::string error;
    ASSERT_TRUE(ptx::link({parsed(swapped ? callee : caller), parsed(swapped ? caller : callee)}, linked, error))
        << error;
    int32_t word = linked.find_variable("shared_word"), twice = linked.find_function("twice"),
            k = linked.find_function("k");
    ASSERT_GE(word, 0);
    ASSERT_GE(twice, 0);
    ASSERT_GE(k, 0);
    EXPECT_EQ(linked.functions.size(), 2u);
    EXPECT_EQ(linked.variables.size(), 3u);
    EXPECT_FALSE(linked.variables[word].is_extern);
    EXPECT_EQ(linked.variables[word].initial.size(), 4u);
    EXPECT_TRUE(linked.functions[twice].defined);
    const auto& body = linked.functions[k].body;
    EXPECT_EQ(body[0].operands[1].index, static_cast<uint32_t>(word));
    EXPECT_EQ(body[2].operands[0].index, static_cast<uint32_t>(twice));
    const auto& own = linked.variables[linked.functions[twice].body[0].operands[1].index];
    EXPECT_EQ(own.size, 4u) << "its own module's";
    for (const auto& variable : linked.variables)
      if (variable.size == 8) {
        EXPECT_EQ(variable.relocations.at(0).index, static_cast<uint32_t>(word));
        EXPECT_NE(variable.name, own.name);
      }
  }
}

TEST(Link, TwoDefinitionsAreOneTooMany) {
  ptx::Module linked;
  std::string error;
  EXPECT_FALSE(ptx::link({parsed(callee), parsed(callee)}, linked, error));
  EXPECT_EQ(error, "'shared_word' is defined in more than one of the linked modules");
}

TEST(Link, AWeakDefinitionGivesWay) {
  ptx::Module linked;
  std::string error;
  auto weak = parsed(".weak .global .align 4 .u32 w = 1;\n"),
       strong = parsed(".visible .global .align 4 .u32 w = 2;\n");
  ASSERT_TRUE(ptx::link({weak, strong, weak}, linked, error)) << error;
  ASSERT_EQ(linked.variables.size(), 1u);
  EXPECT_EQ(linked.variables[0].initial.at(0), 2);
}

}  // namespace
