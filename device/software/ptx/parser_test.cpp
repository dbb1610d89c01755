// PTX as compilers write it, and PTX as nobody should.
#include "device/software/ptx/parser.h"

#include <gtest/gtest.h>

#include <random>

namespace {

const std::string head = ".version 8.4\n.target sm_75\n.address_size 64\n";

ptx::Module good(const std::string& text) {
  ptx::Module module;
  ptx::Error error;
  EXPECT_TRUE(ptx::parse(head + text, module, error)) << error.line << ": " << error.text;
  return module;
}

ptx::Error bad(const std::string& text) {
  ptx::Module module;
  ptx::Error error;
  EXPECT_FALSE(ptx::parse(head + text, module, error));
  return error;
}

const std::string kernel = R"(.visible .entry scale(
  .param .u64 p, .param .u32 n, .param .align 8 .b8 s[12]
)
.maxntid 256
{
  .reg .pred %p<2>;
  .reg .b32 %r<4>;
  .reg .b64 %rd<3>;
  ld.param.u32 %r1, [n];
  mov.u32 %r2, %tid.x;
  setp.ge.s32 %p1, %r2, %r1;
  @%p1 bra $L__done;
  ld.param.u64 %rd1, [p];
  { .reg .b32 %r1; mov.u32 %r1, 7; }
  ld.global.v2.f32 {%r1, _}, [%rd1+-8];
  mul.wide.s32 %rd2, %r2, 4;
$L__done:
  ret;
}
)";

TEST(Parser, AKernel) {
  ptx::Module module = good(kernel);
  EXPECT_EQ(module.version_major, 8);
  EXPECT_EQ(module.version_minor, 4);
  ASSERT_EQ(module.functions.size(), 1u);
  const ptx::Function& f = module.functions[0];
  EXPECT_TRUE(f.is_entry && f.defined && f.visible);
  EXPECT_EQ(f.parameter_offsets, (std::vector<uint32_t>{0, 8, 16}));
  EXPECT_EQ(f.parameter_bytes, 28u);
  EXPECT_EQ(f.maxntid[0], 256u);
  EXPECT_EQ(f.maxntid[1], 1u);
  ASSERT_EQ(f.body.size(), 9u);
  EXPECT_EQ(f.body[1].operands[1].special, ptx::Special::tid_x);
  EXPECT_EQ(f.body[3].guard.reg, 1) << "%p1 is the second register";
  EXPECT_EQ(f.labels[f.body[3].operands[0].index], 8u);
  EXPECT_NE(f.body[5].operands[0].index, f.body[0].operands[0].index) << "a nested scope has registers of its own";
  EXPECT_EQ(f.body[6].operands[0].elements[1].kind, ptx::Operand::sink);
  EXPECT_EQ(f.body[6].operands[1].value, -8);
  EXPECT_EQ(f.body[7].modifiers.width, ptx::Width::wide);
}

TEST(Parser, VariablesAndInitialisers) {
  ptx::Module module = good(
      ".global .align 4 .b8 text[4] = {104, 105};\n.const .f32 one = 0f3F800000;\n"
      ".global .u64 pointer = generic(text)+2;\n.extern .shared .align 16 .b8 room[];\n.global .s16 m[2][3] = {{1, -2, "
      "3}, {4}};");
  ASSERT_EQ(module.variables.size(), 5u);
  EXPECT_EQ(module.variables[0].initial, (std::vector<uint8_t>{104, 105}));
  EXPECT_EQ(module.variables[0].size, 4u);
  EXPECT_EQ(module.variables[1].initial, (std::vector<uint8_t>{0, 0, 0x80, 0x3f}));
  ASSERT_EQ(module.variables[2].relocations.size(), 1u);
  EXPECT_EQ(module.variables[2].relocations[0].addend, 2);
  EXPECT_EQ(module.variables[3].size, 0u);
  EXPECT_EQ(module.variables[4].size, 12u);
  EXPECT_EQ(module.variables[4].initial, (std::vector<uint8_t>{1, 0, 0xfe, 0xff, 3, 0, 4, 0}));
}

TEST(Parser, CallsOfDeviceFunctions) {
  ptx::Module module = good(R"(.extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 a);
.func (.param .b32 out) twice(.param .b32 in) { .reg .b32 %r<2>; ld.param.b32 %r1, [in]; st.param.b32 [out], %r1; ret; }
.entry k() { .param .b32 a; .param .b32 b; call.uni (b), twice, (a); ret; })");
  ASSERT_EQ(module.functions.size(), 3u);
  const ptx::Instruction& call = module.functions[2].body[0];
  EXPECT_EQ(call.operands[0].kind, ptx::Operand::function);
  EXPECT_EQ(call.operands[0].index, 1u);
  EXPECT_EQ(call.results.size(), 1u);
  EXPECT_EQ(call.arguments.size(), 1u);
  EXPECT_FALSE(module.functions[0].defined);
}

TEST(Parser, TwoDestinations) {
  ptx::Module module =
      good(".entry k() { .reg .pred p, q; .reg .b32 a; setp.lt.s32 p|q, a, 3; st.shared.b32 [0], a; ret; }");
  EXPECT_EQ(module.functions[0].body[0].destinations, 2);
  EXPECT_EQ(module.functions[0].body[1].destinations, 0);
}

TEST(Parser, MistakesNameTheirLine) {
  ptx::Error error = bad(".entry k() {\n  frobnicate.s32 1;\n}");
  EXPECT_EQ(error.line, 5u);
  EXPECT_EQ(error.text, "unknown instruction 'frobnicate'");
  EXPECT_EQ(bad(".entry k() {\n bra nowhere;\n ret;\n}").text, "label 'nowhere' is nowhere in the function");
  EXPECT_EQ(bad(".entry k() { x: ret; x: ret; }").text, "label 'x' stands twice");
  EXPECT_EQ(bad(".entry k() {\n ret;\n").text, "'k' does not end");
  EXPECT_FALSE(bad(".global .b8 x[4] = {1,2,3,4,5};").text.empty());
  EXPECT_FALSE(bad("garbage").text.empty());
}

TEST(Parser, EveryTruncationEnds) {
  for (size_t size = 0; size < kernel.size() - 2; ++size) {
    ptx::Module module;
    ptx::Error error;
    bool empty = size == 0;
    EXPECT_EQ(ptx::parse(head + kernel.substr(0, size), module, error), empty) << size;
  }
}

TEST(Parser, ConstantExpressionsHaveTheirValues) {
  auto value = [](const std::string& text) {
    return good(".entry k() { .reg .b64 %d; mov.b64 %d, " + text + "; }").functions[0].body[0].operands[1].value;
  };
  EXPECT_EQ(value("3 + 4 * 2"), 11);
  EXPECT_EQ(value("(1 << 4) | 3"), 19);
  EXPECT_EQ(value("10 - 3 - 2"), 5);
  EXPECT_EQ(value("5 > 3 ? 1 : 2"), 1);
  EXPECT_EQ(value("-(.s64) 8 / 3"), -2);
  EXPECT_EQ(value("0x8000000000000000 / -1"), 0);
  EXPECT_EQ(value("-16 >> 2"), -4);
  auto module = good(".global .f32 x = -1.5;\n.global .u32 y[2 + 1] = {1 + 1, ~0};");
  EXPECT_EQ(module.variables[0].initial, (std::vector<uint8_t>{0, 0, 0xc0, 0xbf}));
  EXPECT_EQ(module.variables[1].size, 12u);
}

TEST(Parser, ConstantExpressionsThatHaveNoneAreRefused) {
  EXPECT_NE(bad(".global .u32 x = 1 / 0;").text.find("division by zero"), std::string::npos);
  EXPECT_NE(bad(".global .u32 x = 1.5 + 1;").text.find("whole numbers"), std::string::npos);
  for (const char* piece : {"(", "-", "~", "(.s64)", "1?", "1?1:"}) {
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += piece;
    bad(".global .u32 x = " + deep + "1;");
  }
}

TEST(Parser, ArgumentsInRegistersBecomeVariables) {
  auto module = good(
      ".func (.reg .u32 r) f (.reg .u32 a) { add.u32 r, a, 1; ret; }\n"
      ".entry k() { .reg .u32 %x; call (%x), f, (7); }");
  const auto& called = module.functions[0].body;
  ASSERT_EQ(called.size(), 5u);  // and once more at the end, which returns, too
  EXPECT_EQ(called[0].opcode, ptx::Opcode::ld);
  EXPECT_EQ(called[2].opcode, ptx::Opcode::st);
  const auto& calling = module.functions[1].body;
  ASSERT_EQ(calling.size(), 3u);
  EXPECT_EQ(calling[1].arguments[0].kind, ptx::Operand::symbol);
  EXPECT_EQ(calling[2].opcode, ptx::Opcode::ld);
}

TEST(Parser, AnAliasIsItsFunction) {
  auto module = good(".func g();\n.func f() { ret; }\n.alias g, f;");
  EXPECT_TRUE(module.functions[0].defined);
  EXPECT_EQ(module.functions[0].name, "g");
  EXPECT_NE(bad(".func g();\n.func f();\n.alias g, f;").text.find("not defined"), std::string::npos);
}

TEST(Parser, PartsOfRegistersAreTheVideoInstructions) {
  auto module = good(".entry k() { .reg .b32 %r; vadd4.u32.u32.u32 %r.b20, %r.b7654, %r, %r; }");
  const auto& operands = module.functions[0].body[0].operands;
  EXPECT_EQ(operands[0].selector.count, 2);
  EXPECT_EQ(operands[0].selector.places[1], 2);
  EXPECT_EQ(operands[1].selector.places[0], 4);
  bad(".entry k() { .reg .b32 %r; vadd.u32.u32.u32 %r.b8, %r, %r; }");
  bad(".entry k() { .reg .b32 %r; add.u32 %r, -%r, %r; }");
}

TEST(Parser, TextWithoutAVersionIsNotPtx) {
  ptx::Module module;
  ptx::Error error;
  EXPECT_FALSE(ptx::parse("", module, error));
  EXPECT_EQ(error.text, "no .version directive: this is not PTX");
}

TEST(Parser, MutationsAreHarmless) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string text = head + kernel;
    for (int i = 0; i < 3; ++i) text[random() % text.size()] = static_cast<char>(random() % 96 + 32);
    ptx::Module module;
    ptx::Error error;
    ptx::parse(text, module, error);
  }
  good(kernel);
}

}  // namespace
