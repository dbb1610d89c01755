// Tokens of PTX, by the constants and identifiers that PTX ISA gives as examples.
#include "device/software/ptx/lexer.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <string>
#include <vector>

namespace {

using ptx::Token;

std::vector<Token> lex(std::string_view text) {
  ptx::Lexer lexer(text);
  std::vector<Token> tokens;
  do tokens.push_back(lexer.next());
  while (tokens.back().kind != Token::end);
  return tokens;
}

TEST(Lexer, AnInstruction) {
  auto tokens = lex("@%p1 ld.global.v2.f32 {%f1, _}, [%rd4+-8];");
  std::vector<std::string> texts;
  for (const Token& token : tokens) texts.emplace_back(token.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"@", "%p1", "ld", "global", "v2", "f32", "{", "%f1", ",", "_",
                                             "}", ",",   "[",  "%rd4",   "+",  "-",   "8", "]",   ";", ""}));
  EXPECT_EQ(tokens[3].kind, Token::dot);
  EXPECT_EQ(tokens[9].kind, Token::word);
}

TEST(Lexer, IntegersInEveryBase) {
  EXPECT_EQ(lex("0xFFu")[0].kind, Token::bad) << "the suffix is a capital U";
  EXPECT_EQ(lex("0xFFU")[0].value, 255u);
  EXPECT_EQ(lex("0b101")[0].value, 5u);
  EXPECT_EQ(lex("017")[0].value, 15u);
  EXPECT_EQ(lex("0")[0].value, 0u);
  EXPECT_EQ(lex("18446744073709551615")[0].value, ~uint64_t{0});
  EXPECT_EQ(lex("018")[0].kind, Token::bad);
}

TEST(Lexer, FloatingPointConstants) {
  EXPECT_EQ(lex("0f3F800000")[0].kind, Token::single);
  EXPECT_EQ(std::bit_cast<float>(static_cast<uint32_t>(lex("0f3F800000")[0].value)), 1.0f);
  EXPECT_EQ(std::bit_cast<double>(lex("0d3FF0000000000000")[0].value), 1.0);
  EXPECT_EQ(std::bit_cast<double>(lex("1.5e3")[0].value), 1500.0);
  EXPECT_EQ(lex("0f3F80")[0].kind, Token::bad) << "0f wants eight digits";
}

TEST(Lexer, ModifiersWithScopes) {
  auto tokens = lex("cp.async.bulk.shared::cluster.L2::128B");
  EXPECT_TRUE(tokens[3].is_dot("shared::cluster"));
  EXPECT_TRUE(tokens[4].is_dot("L2::128B"));
}

TEST(Lexer, ALabelIsAWordAndAColon) {
  auto tokens = lex("$L__BB0_2: ret;");
  EXPECT_EQ(tokens[0].text, "$L__BB0_2");
  EXPECT_TRUE(tokens[1].is(':'));
}

TEST(Lexer, LinesAreCountedThroughComments) {
  auto tokens = lex("// one\n/* two\nthree */ add\n ret");
  EXPECT_EQ(tokens[0].line, 3u);
  EXPECT_EQ(tokens[1].line, 4u);
}

TEST(Lexer, ANulEndsTheText) { EXPECT_EQ(lex(std::string_view("ret\0junk", 8)).size(), 2u); }

TEST(Lexer, AnyBytesEnd) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(200, ' ');
    for (char& c : text) c = static_cast<char>(random() % 255 + 1);
    EXPECT_LE(lex(text).size(), text.size() + 1);
  }
}

}  // namespace
