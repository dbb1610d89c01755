// Every edge of a layout leads forward or to the header of a region around it; lanes that part meet again.
#include "device/software/pass/ahead.h"
#include "device/software/pass/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "device/software/pass/spinning.h"
#include "device/software/pass/uniformity.h"
#include "device/software/ptx/parser.h"

namespace {

ptx::Function kernel(const std::string& body) {
  std::string text =
      ".version 8.0\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n"
      ".reg .pred %p<9>;\n.reg .b32 %r<16>;\n.reg .b64 %d<9>;\n" +
      body + "\n}\n";
  ptx::Module module;
  ptx::Error error;
  EXPECT_TRUE(ptx::parse(text, module, error)) << error.text << " line " << error.line;
  return module.functions.at(0);
}

void expect_sound(const software::ControlFlow& flow, const software::Layout& layout) {
  ASSERT_EQ(layout.order.size(), flow.order.size());
  auto position = [&](uint32_t block) { return std::ranges::find(layout.order, block) - layout.order.begin(); };
  for (uint32_t block : layout.order)
    for (uint32_t next : flow.blocks[block].successors) {
      if (position(next) > position(block)) continue;
      bool home = std::ranges::any_of(layout.regions, [&](const software::Region& region) {
        return region.header == next && region.first <= position(block) && position(block) < region.last;
      });
      EXPECT_TRUE(home) << "edge " << block << " -> " << next;
    }
}

constexpr const char* nested =
    "OUTER: setp.eq.u32 %p1, %r1, 0;\nINNER: add.u32 %r2, %r2, 1;\n@%p1 bra INNER;\nadd.u32 %r1, %r1, 1;\n"
    "@%p2 bra OUTER;\nret;";

TEST(layout, nested_loops_are_nested_regions) {
  auto function = kernel(nested);
  auto flow = software::control_flow(function);
  auto layout = software::lay_out(flow);
  expect_sound(flow, layout);
  ASSERT_EQ(layout.regions.size(), 2u);
  EXPECT_GE(layout.regions[0].first, layout.regions[1].first);
  EXPECT_LT(layout.regions[0].last - layout.regions[0].first, layout.regions[1].last - layout.regions[1].first);
}

TEST(layout, a_loop_with_two_entries_loses_no_lane) {
  auto function = kernel("@%p1 bra B;\nA: add.u32 %r1, %r1, 1;\nB: add.u32 %r2, %r2, 1;\n@%p2 bra A;\nret;");
  auto flow = software::control_flow(function);
  expect_sound(flow, software::lay_out(flow));
}

TEST(uniformity, what_comes_from_the_thread_index_varies) {
  auto function =
      kernel("mov.u32 %r1, %tid.x;\nmov.u32 %r2, %ctaid.x;\nadd.u32 %r3, %r1, %r2;\nadd.u32 %r4, %r2, 1;\nret;");
  auto result = software::uniformity(function, software::control_flow(function));
  auto varies = [&](const char* name) {
    for (uint32_t i = 0; i < function.registers.size(); ++i)
      if (function.registers[i].name == name) return result.varying(i);
    ADD_FAILURE() << name;
    return false;
  };
  EXPECT_TRUE(varies("%r1"));
  EXPECT_FALSE(varies("%r2"));
  EXPECT_TRUE(varies("%r3"));
  EXPECT_FALSE(varies("%r4"));
}

TEST(uniformity, a_value_chosen_by_a_varying_branch_varies) {
  auto function = kernel(
      "mov.u32 %r1, %tid.x;\nsetp.lt.u32 %p1, %r1, 7;\nmov.u32 %r2, 1;\n@%p1 bra L;\nmov.u32 %r2, 2;\n"
      "L: add.u32 %r3, %r2, 1;\nret;");
  auto flow = software::control_flow(function);
  auto result = software::uniformity(function, flow);
  EXPECT_TRUE(result.divergent[1]);
  EXPECT_FALSE(result.divergent[0]);
  EXPECT_FALSE(result.divergent[2]);
  for (uint32_t i = 0; i < function.registers.size(); ++i)
    if (function.registers[i].name == "%r2" || function.registers[i].name == "%r3") {
      EXPECT_TRUE(result.varying(i));
    }
}

TEST(uniformity, a_loop_that_lanes_leave_one_by_one_is_divergent) {
  auto function = kernel(
      "mov.u32 %r1, %tid.x;\nmov.u32 %r2, 0;\nL: add.u32 %r2, %r2, 1;\nsetp.lt.u32 %p1, %r2, %r1;\n"
      "@%p1 bra L;\nadd.u32 %r3, %r2, 1;\nret;");
  auto result = software::uniformity(function, software::control_flow(function));
  EXPECT_TRUE(result.divergent[1]);
  for (uint32_t i = 0; i < function.registers.size(); ++i)
    if (function.registers[i].name == "%r2") {
      EXPECT_TRUE(result.varying(i) && result.blended[i]);
    }
}

TEST(uniformity, a_counter_that_nobody_wants_after_its_loop_stays_uniform) {
  auto function = kernel(
      "mov.u32 %r1, %tid.x;\nmov.u32 %r2, 0;\nL: add.u32 %r2, %r2, 1;\nsetp.lt.u32 %p1, %r2, %r1;\n"
      "@%p1 bra L;\nret;");
  auto result = software::uniformity(function, software::control_flow(function));
  for (uint32_t i = 0; i < function.registers.size(); ++i)
    if (function.registers[i].name == "%r2") {
      EXPECT_FALSE(result.varying(i));
    }
}

TEST(uniformity, lanes_that_return_leave_the_others_together) {
  auto function = kernel(
      "mov.u32 %r1, %tid.x;\nsetp.gt.u32 %p1, %r1, 7;\n@%p1 bra E;\nmov.u32 %r2, 0;\n"
      "L: add.u32 %r2, %r2, 1;\nsetp.lt.u32 %p2, %r2, 9;\n@%p2 bra L;\nE: ret;");
  auto result = software::uniformity(function, software::control_flow(function));
  for (bool divergent : result.divergent) EXPECT_FALSE(divergent);
}

TEST(shapes, addresses_count_up_from_lane_to_lane) {
  auto function = kernel(
      "mov.u32 %r1, %ctaid.x;\nmov.u32 %r2, %ntid.x;\nmov.u32 %r3, %tid.x;\nmad.lo.s32 %r4, %r1, %r2, %r3;\n"
      "mul.wide.s32 %d1, %r4, 4;\nadd.s64 %d2, %d1, 16;\nshr.u32 %r5, %r3, 5;\nand.b32 %r6, %r3, 31;\n"
      "and.b32 %r7, %r3, 7;\nret;");
  auto result = software::uniformity(function, software::control_flow(function), {32, true});
  auto shape = [&](const std::string& name) {
    for (uint32_t i = 0; i < function.registers.size(); ++i)
      if (function.registers[i].name == name) return result.shapes[i];
    return software::Shape{};
  };
  EXPECT_EQ(shape("%r4").kind, software::Shape::linear);
  EXPECT_EQ(shape("%r4").stride, 1);
  EXPECT_EQ(shape("%d2").kind, software::Shape::linear);
  EXPECT_EQ(shape("%d2").stride, 4);
  EXPECT_EQ(shape("%d2").correction, -(int64_t{4} << 32));
  EXPECT_EQ(shape("%r5").kind, software::Shape::uniform);  // the warp's number
  EXPECT_EQ(shape("%r6").kind, software::Shape::linear);   // the lane's
  EXPECT_EQ(shape("%r7").kind, software::Shape::varying);
}

TEST(shapes, quotients_and_remainders_of_small_indices_stay_linear) {
  auto function = kernel(
      "mov.u32 %r1, %tid.y;\nmov.u32 %r3, %tid.x;\nshl.b32 %r2, %r1, 4;\nadd.s32 %r4, %r2, %r3;\n"
      "shr.s32 %r5, %r4, 31;\nshr.u32 %r6, %r5, 28;\nadd.s32 %r7, %r4, %r6;\nshr.s32 %r8, %r7, 4;\n"
      "and.b32 %r9, %r7, -16;\nsub.s32 %r10, %r4, %r9;\nsub.s32 %r11, %r4, 42;\nshr.s32 %r12, %r11, 31;\nret;");
  for (software::Grouping grouping : {software::Grouping{16, true}, software::Grouping{8, true, true, 8}}) {
    auto result = software::uniformity(function, software::control_flow(function), grouping);
    auto shape = [&](const std::string& name) {
      for (uint32_t i = 0; i < function.registers.size(); ++i)
        if (function.registers[i].name == name) return result.shapes[i];
      return software::Shape{};
    };
    EXPECT_NE(shape("%r5").kind, software::Shape::varying);  // the sign of something small
    EXPECT_NE(shape("%r8").kind, software::Shape::varying);
    EXPECT_EQ(shape("%r8").stride, 0);
    EXPECT_EQ(shape("%r10").kind, software::Shape::linear);
    EXPECT_EQ(shape("%r10").stride, 1);
    EXPECT_EQ(shape("%r12").kind, software::Shape::varying);  // may have either sign
  }
}

TEST(ahead, addresses_grow_by_the_counters_step) {
  auto function = kernel(
      "ld.param.u32 %r1, [p];\nmov.u32 %r2, 0;\nL: mad.lo.s32 %r3, %r2, %r1, %r4;\nmul.wide.s32 %d1, %r3, 4;\n"
      "add.s64 %d2, %d3, %d1;\nld.global.u32 %r5, [%d2];\nbar.sync 0;\nld.global.u32 %r6, [%d3];\n"
      "ld.global.u32 %r7, [%d4];\nadd.s64 %d4, %d4, 4096;\nadd.s32 %r2, %r2, 16;\nsetp.lt.s32 %p1, %r2, %r1;\n"
      "@%p1 bra L;\nld.global.u32 %r8, [%d4];\nret;");
  auto flow = software::control_flow(function);
  auto growth = software::find_growth(function, flow, software::lay_out(flow), software::uniformity(function, flow));
  std::vector<software::Growth> found;
  for (auto& one : growth)
    if (one) found.push_back(*one);
  ASSERT_EQ(found.size(), 2u);  // one load is of the same place each time, one stands behind the loop
  EXPECT_EQ(found[0].factor, 64);
  EXPECT_EQ(found[0].registers.size(), 1u);
  EXPECT_EQ(found[1].factor, 4096);
  EXPECT_TRUE(found[1].registers.empty());
}

// Lanes lie side by side and the grid's width lies between rounds: the next warp's place is asked for. A loop whose
// rounds follow each other asks for nothing.
TEST(ahead, rounds_that_lie_far_apart_ask_for_what_lies_beside) {
  auto growth_in = [](const std::string& step) {
    auto function = kernel(
        "mov.u32 %r1, %tid.x;\nmov.u32 %r2, %nctaid.x;\nmul.lo.s32 %r3, %r2, 256;\nld.param.u64 %d1, [p];\n"
        "mul.wide.s32 %d2, %r1, 4;\nadd.s64 %d3, %d1, %d2;\nL: ld.global.u32 %r4, [%d3];\n" +
        step + "\nadd.s32 %r1, %r1, %r3;\nsetp.lt.s32 %p1, %r1, 100000;\n@%p1 bra L;\nret;");
    auto flow = software::control_flow(function);
    const software::Grouping grouping{32, true, true};
    auto growth =
        software::find_growth(function, flow, software::lay_out(flow), software::uniformity(function, flow, grouping));
    return growth.at(6);
  };
  auto far = growth_in("mul.wide.s32 %d4, %r3, 4;\nadd.s64 %d3, %d3, 8192;");
  ASSERT_TRUE(far);
  EXPECT_TRUE(far->beside);
  EXPECT_EQ(far->factor, 4);
  EXPECT_FALSE(growth_in("add.s64 %d3, %d3, 256;"));
}

// Rows of threads: the next block's memory is asked for, of loads and stores, and once where lines are the same.
TEST(ahead, blocks_of_rows_ask_once_for_what_the_next_one_touches) {
  auto function = kernel(
      "mov.u32 %r1, %tid.y;\nmov.u32 %r2, %ctaid.x;\nshl.b32 %r3, %r2, 7;\nld.param.u64 %d1, [p];\n"
      "cvt.s64.s32 %d2, %r3;\nadd.s64 %d3, %d1, %d2;\nld.global.u32 %r4, [%d3];\nld.global.u32 %r5, [%d3+4];\n"
      "ld.global.u32 %r6, [%d3+256];\nst.global.u32 [%d3+4], %r5;\nret;");
  auto flow = software::control_flow(function);
  auto growth = software::find_growth(function, flow, software::lay_out(flow), software::uniformity(function, flow));
  std::vector<size_t> asking;
  for (size_t i = 0; i < growth.size(); ++i) {
    if (!growth[i]) continue;
    asking.push_back(i);
    EXPECT_EQ(growth[i]->factor, 128);
    EXPECT_FALSE(growth[i]->beside);
  }
  EXPECT_EQ(asking, (std::vector<size_t>{6, 8, 9}));
}

// --- loops that wait for what other threads write

bool spins(const char* body) {
  auto function = kernel(body);
  auto flow = software::control_flow(function);
  return software::find_spins(function, flow, software::lay_out(flow)).any;
}

TEST(spinning, locks_flags_and_mbarriers_are_waited_for) {
  EXPECT_TRUE(spins("L: atom.global.cas.b32 %r1, [%d1], 0, 1;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra L;\nret;"));
  EXPECT_TRUE(spins("L: atom.global.exch.b32 %r1, [%d1], 1;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra L;\nret;"));
  EXPECT_TRUE(spins("L: ld.volatile.global.u32 %r1, [%d1];\nsetp.ne.u32 %p1, %r1, %r2;\n@%p1 bra L;\nret;"));
  EXPECT_TRUE(spins("L: ld.global.u32 %r1, [%d1];\nmembar.gl;\nsetp.ne.u32 %p1, %r1, %r2;\n@%p1 bra L;\nret;"));
  EXPECT_TRUE(spins("L: mbarrier.try_wait.parity.shared.b64 %p1, [%r1], 0;\n@!%p1 bra L;\nret;"));
}

TEST(spinning, updates_without_a_lock_and_counting_loops_are_not) {
  EXPECT_FALSE(
      spins("L: add.u32 %r3, %r1, 5;\natom.global.cas.b32 %r2, [%d1], %r1, %r3;\nsetp.ne.u32 %p1, %r2, %r1;\n"
            "mov.u32 %r1, %r2;\n@%p1 bra L;\nret;"));
  EXPECT_FALSE(spins("L: atom.global.add.u32 %r1, [%d1], 1;\nsetp.lt.u32 %p1, %r1, %r2;\n@%p1 bra L;\nret;"));
  EXPECT_FALSE(spins("L: ld.global.u32 %r1, [%d1];\nsetp.ne.u32 %p1, %r1, %r2;\n@%p1 bra L;\nret;"));
  EXPECT_FALSE(spins(
      "L: ld.volatile.shared.u32 %r1, [%d1];\nadd.u32 %r2, %r2, 1;\nsetp.lt.u32 %p1, %r2, 9;\n@%p1 bra L;\nret;"));
}

TEST(spinning, lanes_that_leave_such_a_loop_need_not_meet_the_others) {
  auto function = kernel(
      "mov.u32 %r4, %tid.x;\ncvt.u64.u32 %d2, %r4;\nL: ld.volatile.global.u32 %r1, [%d2];\nsetp.ne.u32 %p1, %r1, 0;\n"
      "@%p1 bra L;\nmov.u32 %r2, 0;\nM: add.u32 %r2, %r2, 1;\nsetp.lt.u32 %p2, %r2, 9;\n@%p2 bra M;\nret;");
  auto flow = software::control_flow(function);
  auto spins = software::find_spins(function, flow, software::lay_out(flow));
  auto together = software::uniformity(function, flow), apart = software::uniformity(function, flow, {}, spins.exits);
  uint32_t counter = 0;
  while (function.registers[counter].name != "%r2") ++counter;
  EXPECT_FALSE(together.varying(counter));
  EXPECT_TRUE(apart.varying(counter));
}

}  // namespace
