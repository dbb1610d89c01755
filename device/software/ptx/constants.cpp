// Constant expressions (PTX ISA, "Constant Expressions"): 64-bit integers, signed until one is too large for that or
// marked U; comparisons give 0 or 1. Floating constants stand alone, or behind a minus.
#include <string>

#include "device/software/ptx/parsing.h"

namespace ptx {
namespace {

struct Operator {
  const char* text;
  int level;  // binds tighter than those of lower levels
};
constexpr Operator operators[] = {{"||", 1}, {"&&", 2}, {"|", 3},  {"^", 4},  {"&", 5},  {"==", 6},
                                  {"!=", 6}, {"<=", 7}, {">=", 7}, {"<<", 8}, {">>", 8}, {"<", 7},
                                  {">", 7},  {"+", 9},  {"-", 9},  {"*", 10}, {"/", 10}, {"%", 10}};
constexpr int deepest = 100;

// The operator that begins with this token, or null. Characters come one by one from the lexer.
const Operator* operator_at(const Token& token, const Lexer& lexer) {
  static constexpr std::string_view first = "|^&=!<>+-*/";
  bool percent = token.kind == Token::word && token.text == "%";
  bool known = token.kind == Token::punctuation && first.find(token.text[0]) != std::string_view::npos;
  if (!known && !percent) return nullptr;
  Token next = lexer.peeked();
  for (const Operator& row : operators) {
    bool second = !row.text[1] || next.is(row.text[1]);
    if (row.text[0] == token.text[0] && second) return &row;
  }
  return nullptr;
}

}  // namespace

uint64_t Parsing::integer() {
  Constant made = expression();
  if (made.real) fail("expected a whole number");
  return made.value;
}

Operand Parsing::constant(char sign) {
  bool starts = token_.kind == Token::integer || token_.kind == Token::real || token_.kind == Token::single ||
                token_.is('(') || token_.is('-') || token_.is('~') || token_.is('!') || token_.is('+');
  Operand result;
  if (!starts) {
    fail("expected an operand before '" + std::string(token_.text) + "'");
    return result;
  }
  Constant made = expression(sign);
  result.kind = made.real ? Operand::real : Operand::integer;
  result.single = made.single;
  result.value = static_cast<int64_t>(made.value);
  return result;
}

Parsing::Constant Parsing::expression(char sign) {
  if (++depth_ > deepest) fail("an expression nested too deeply");
  Constant made = binary(1, sign);
  if (accept('?')) {
    Constant yes = expression();
    expect(':');
    Constant no = expression();
    made = made.value ? yes : no;
  }
  --depth_;
  return made;
}

Parsing::Constant Parsing::binary(int lowest, char sign) {
  Constant left = unary(sign);
  while (!failed_) {
    const Operator* row = operator_at(token_, lexer_);
    if (!row || row->level < lowest) break;
    for (const char* c = row->text; *c; ++c) advance();
    left = computed(row->text, left, binary(row->level + 1));
  }
  return left;
}

Parsing::Constant Parsing::unary(char sign) {
  if (!sign && (token_.is('-') || token_.is('+') || token_.is('!') || token_.is('~'))) {
    sign = token_.text[0];
    advance();
  }
  if (!sign) return primary();
  if (++depth_ > deepest) fail("an expression nested too deeply");
  Constant made = unary();
  --depth_;
  if (made.real) {
    uint64_t bit = uint64_t{1} << (made.single ? 31 : 63);
    if (sign == '-') made.value ^= bit;
    if (sign == '!' || sign == '~') fail("expected a whole number");
    return made;
  }
  if (sign == '-') made.value = 0 - made.value;
  if (sign == '~') made.value = ~made.value;
  if (sign == '!') made.value = made.value == 0;
  return made;
}

Parsing::Constant Parsing::primary() {
  Constant made;
  if (accept('(')) {
    if (accept_dot("s64") || accept_dot("u64")) {  // a cast
      expect(')');
      if (++depth_ > deepest) fail("an expression nested too deeply");
      made = unary();
      --depth_;
      return made;
    }
    made = expression();
    expect(')');
    return made;
  }
  made.value = token_.value;
  made.real = token_.kind == Token::real || token_.kind == Token::single;
  made.single = token_.kind == Token::single;
  made.is_signed = !(token_.text.ends_with('U') || token_.value >> 63);
  if (!made.real && token_.kind != Token::integer) fail("expected a number before '" + std::string(token_.text) + "'");
  advance();
  return made;
}

Parsing::Constant Parsing::computed(const std::string& what, Constant a, Constant b) {
  if (a.real || b.real) fail("expected whole numbers around '" + what + "'");
  Constant made;
  made.is_signed = a.is_signed && b.is_signed;
  auto x = static_cast<int64_t>(a.value), y = static_cast<int64_t>(b.value);
  bool sign = made.is_signed, less = sign ? x < y : a.value < b.value;
  bool divides = what == "/" || what == "%";
  if (divides && b.value == 0) fail("a division by zero");
  if (failed_) return made;
  bool whole = sign && divides && y == -1;  // also where the quotient has no room
  auto quotient = [&] { return whole ? 0 - a.value : sign ? static_cast<uint64_t>(x / y) : a.value / b.value; };
  uint64_t by = b.value & 63;
  made.value = what == "||"   ? a.value || b.value
               : what == "&&" ? a.value && b.value
               : what == "|"  ? a.value | b.value
               : what == "^"  ? a.value ^ b.value
               : what == "&"  ? a.value & b.value
               : what == "==" ? a.value == b.value
               : what == "!=" ? a.value != b.value
               : what == "<"  ? less
               : what == ">"  ? !less && a.value != b.value
               : what == "<=" ? less || a.value == b.value
               : what == ">=" ? !less
               : what == "<<" ? a.value << by
               : what == ">>" ? (a.is_signed ? static_cast<uint64_t>(x >> by) : a.value >> by)
               : what == "+"  ? a.value + b.value
               : what == "-"  ? a.value - b.value
               : what == "*"  ? a.value * b.value
               : what == "/"  ? quotient()
                              : a.value - quotient() * b.value;
  return made;
}

}  // namespace ptx
