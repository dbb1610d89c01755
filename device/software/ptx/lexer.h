// PTX text to tokens, one at a time, with line numbers. Knows no grammar; a stray character becomes a token
// of kind bad, which no rule of the parser accepts.
#pragma once
#include <cstdint>
#include <string_view>

namespace ptx {

struct Token {
  enum Kind : uint8_t {
    word,         // foo, %r1, $L_1, _
    dot,          // .s32, .shared::cta: the text is without the leading dot
    integer,      // value holds it
    real,         // 0d... and decimal: bits of a double
    single,       // 0f...: bits of a float
    quoted,       // "...": the text is without the quotes
    punctuation,  // one character
    end,
    bad,
  };
  Kind kind = end;
  std::string_view text;
  uint64_t value = 0;
  uint32_t line = 1;

  bool is(char c) const { return kind == punctuation && text[0] == c; }
  bool is_dot(std::string_view name) const { return kind == dot && text == name; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();
  Token peeked() const { return Lexer(*this).next(); }  // the one that next() will give

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  void skip_blanks();
  Token make(Token::Kind kind, size_t start, size_t end);
  Token number();
  Token bits(Token::Kind kind, size_t digits);
  Token dotted();

  std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1;
};

}  // namespace ptx
