// Graphs of small kernels, drawn by hand.
#include "device/software/pass/cfg.h"

#include <gtest/gtest.h>

#include "device/software/ptx/parser.h"

namespace {

software::ControlFlow graph_of(const std::string& body) {
  ptx::Module module;
  ptx::Error error;
  std::string text = ".version 8.4\n.target sm_75\n.entry k() {\n.reg .pred p, q;\n.reg .b32 a;\n" + body + "}";
  EXPECT_TRUE(ptx::parse(text, module, error)) << error.line << ": " << error.text;
  return software::control_flow(module.functions[0]);
}

using software::no_block;
using Blocks = std::vector<uint32_t>;

TEST(ControlFlow, ADiamondMeetsBehindItsArms) {
  auto g = graph_of("@p bra B; mov.b32 a, 1; bra C; B: mov.b32 a, 2; C: mov.b32 a, a; ret;");
  ASSERT_EQ(g.blocks.size(), 4u);
  EXPECT_EQ(g.blocks[0].successors, (Blocks{2, 1}));
  EXPECT_EQ(g.dominator, (Blocks{no_block, 0, 0, 0}));
  EXPECT_EQ(g.post_dominator, (Blocks{3, 3, 3, no_block}));
  EXPECT_TRUE(g.dominates(0, 3));
  EXPECT_FALSE(g.dominates(1, 3));
  EXPECT_TRUE(g.dominates(2, 2));
}

TEST(ControlFlow, ALoopsHeaderDominatesItsBody) {
  auto g = graph_of("mov.b32 a, 0; H: @p bra E; add.s32 a, a, 1; bra H; E: ret;");
  ASSERT_EQ(g.blocks.size(), 4u);
  EXPECT_EQ(g.blocks[1].predecessors, (Blocks{0, 2}));
  EXPECT_EQ(g.dominator, (Blocks{no_block, 0, 1, 1}));
  EXPECT_EQ(g.post_dominator, (Blocks{1, 3, 1, no_block}));
  EXPECT_EQ(g.order.front(), 0u);
}

TEST(ControlFlow, AGuardedReturnGoesOn) {
  auto g = graph_of("@p ret; mov.b32 a, 1; ret;");
  ASSERT_EQ(g.blocks.size(), 2u);
  EXPECT_EQ(g.blocks[0].successors, (Blocks{1}));
}

TEST(ControlFlow, WhatCannotBeReachedIsNotInTheOrder) {
  auto g = graph_of("bra E; mov.b32 a, 1; E: ret;");
  EXPECT_EQ(g.order, (Blocks{0, 2}));
  EXPECT_EQ(g.dominator[1], no_block);
}

TEST(ControlFlow, AnEndlessLoopHasNoWayOut) {
  auto g = graph_of("L: add.s32 a, a, 1; bra L;");
  ASSERT_EQ(g.blocks.size(), 1u);
  EXPECT_EQ(g.blocks[0].successors, (Blocks{0}));
  EXPECT_EQ(g.post_dominator, (Blocks{no_block}));
}

}  // namespace
