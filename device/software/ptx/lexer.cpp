// The lexical rules of PTX ISA, sections "Identifiers" and "Constants".
#include "device/software/ptx/lexer.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstdlib>
#include <string>

namespace ptx {
namespace {

bool starts_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%'; }
bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
int digit_of(char c) {
  if (is_digit(c)) return c - '0';
  char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

}  // namespace

void Lexer::skip_blanks() {
  for (;;) {
    char c = peek();
    if (c == '\n') ++line_;
    if (c == '/' && peek(1) == '/') {
      while (at_ < text_.size() && peek() != '\n') ++at_;
    } else if (c == '/' && peek(1) == '*') {
      at_ += 2;
      while (at_ < text_.size() && !(peek() == '*' && peek(1) == '/')) line_ += text_[at_++] == '\n';
      at_ = std::min(at_ + 2, text_.size());
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++at_;
    } else {
      return;
    }
  }
}

Token Lexer::make(Token::Kind kind, size_t start, size_t end) {
  Token token;
  token.kind = kind;
  token.text = text_.substr(start, end - start);
  token.line = line_;
  return token;
}

// A NUL ends the text: PTX in a fatbin carries one.
Token Lexer::next() {
  skip_blanks();
  size_t start = at_;
  char c = peek();
  if (c == '\0') return make(Token::end, start, start);
  if (starts_word(c)) {
    do ++at_;
    while (in_word(peek()));
    return make(Token::word, start, at_);
  }
  bool behind_word = start > 0 && in_word(text_[start - 1]);  // tex.2d
  if (is_digit(c) || (c == '.' && is_digit(peek(1)) && !behind_word)) return number();
  if (c == '.') return dotted();
  if (c == '"') {
    ++at_;
    while (at_ < text_.size() && peek() != '"' && peek() != '\n') ++at_;
    if (peek() != '"') return make(Token::bad, start, at_);
    ++at_;
    return make(Token::quoted, start + 1, at_ - 1);
  }
  ++at_;
  bool known = std::string_view("(){}[]<>,;:=+-*/%!@|&^~?").find(c) != std::string_view::npos;
  return make(known ? Token::punctuation : Token::bad, start, at_);
}

// A modifier or directive: ".global", ".shared::cta", ".L2::128B".
Token Lexer::dotted() {
  size_t start = ++at_;
  while (in_word(peek()) || (peek() == ':' && peek(1) == ':')) at_ += peek() == ':' ? 2 : 1;
  return make(at_ > start ? Token::dot : Token::bad, start, at_);
}

// 0f and 0d are followed by exactly the digits of the type's bits.
Token Lexer::bits(Token::Kind kind, size_t digits) {
  size_t start = at_;
  at_ += 2;
  uint64_t value = 0;
  size_t seen = 0;
  for (; digit_of(peek()) < 16; ++at_, ++seen) value = value << 4 | static_cast<uint64_t>(digit_of(peek()));
  Token token = make(seen == digits ? kind : Token::bad, start, at_);
  token.value = value;
  return token;
}

Token Lexer::number() {
  size_t start = at_;
  char second = static_cast<char>(peek(1) | 0x20);
  if (peek() == '0' && second == 'f') return bits(Token::single, 8);
  if (peek() == '0' && second == 'd') return bits(Token::real, 16);
  int base = peek() != '0' ? 10 : second == 'x' ? 16 : second == 'b' ? 2 : 8;
  if (base == 16 || base == 2) at_ += 2;
  size_t first = at_;
  while (digit_of(peek()) < base || (base == 8 && is_digit(peek()))) ++at_;
  bool fraction = base != 16 && base != 2 && (peek() == '.' || (peek() | 0x20) == 'e');
  if (fraction) {
    while (is_digit(peek()) || peek() == '.') ++at_;
    if ((peek() | 0x20) == 'e') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      while (is_digit(peek())) ++at_;
    }
    Token token = make(Token::real, start, at_);
    token.value = std::bit_cast<uint64_t>(std::strtod(std::string(token.text).c_str(), nullptr));
    return token;
  }
  uint64_t value = 0;
  bool good = at_ > first;
  for (size_t i = first; i < at_; ++i) {
    good = good && digit_of(text_[i]) < base;
    value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit_of(text_[i]));
  }
  if (peek() == 'U') ++at_;
  Token token = make(good && !in_word(peek()) ? Token::integer : Token::bad, start, at_);
  token.value = value;
  return token;
}

}  // namespace ptx
