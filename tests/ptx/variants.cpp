#include "tests/ptx/variants.h"

#include <array>
#include <cctype>
#include <fstream>

namespace test {
namespace {

// The first innermost < > of the text, taken apart at its bars: "<a|b>" is a or b, "<||%p>" nothing or "|%p".
std::vector<std::string> expanded(const std::string& text) {
  size_t close = text.find('>');
  if (close == std::string::npos) return {text};
  size_t open = text.rfind('<', close);
  std::string inside = text.substr(open + 1, close - open - 1), before = text.substr(0, open),
              after = text.substr(close + 1);
  std::vector<std::string> choices;
  if (inside == "||%p") {
    choices = {"", "|%p"};
  } else {
    for (size_t at = 0; at <= inside.size();) {
      size_t bar = std::min(inside.find('|', at), inside.size());
      choices.push_back(inside.substr(at, bar - at));
      at = bar + 1;
    }
  }
  std::vector<std::string> all;
  for (const std::string& choice : choices)
    for (std::string& form : expanded(before + choice + after)) all.push_back(std::move(form));
  return all;
}

bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// "%r" that is no longer name becomes "%r0", then "%r1" ...
std::string numbered(const std::string& text) {
  std::array<unsigned, 128> count{};
  std::string made;
  for (size_t i = 0; i < text.size(); ++i) {
    made += text[i];
    bool bare = i > 0 && text[i - 1] == '%' && std::islower(static_cast<unsigned char>(text[i])) &&
                (i + 1 == text.size() || !in_name(text[i + 1]));
    if (bare) made += std::to_string(count[static_cast<size_t>(text[i])]++ % 8);
  }
  return made;
}

}  // namespace

std::vector<Line> read_variants(const std::string& path) {
  std::ifstream in(path);
  std::vector<Line> lines;
  std::string text, target;
  for (uint32_t number = 1; std::getline(in, text); ++number) {
    if (text.empty() || text[0] == '#') continue;
    if (text[0] == '[') {
      target = text.substr(1, text.find(']') - 1);
      continue;
    }
    Line line{text, target, {}, number};
    if (text.rfind("- ", 0) == 0) {
      size_t reason = text.find(" reason: ");
      line.text = text.substr(2, reason - 2);
      line.refusal = text.substr(reason + 9);
    }
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> forms_of(const Line& line) {
  std::vector<std::string> all;
  for (const std::string& form : expanded(line.text)) all.push_back(numbered(form) + (form[0] == '{' ? "" : ";"));
  return all;
}

std::string kernel_of(const std::vector<std::string>& statements) {
  std::string text =
      ".version 9.0\n.target sm_100a\n.address_size 64\n"
      ".global .align 32 .b8 global_data[256];\n.const .align 32 .b8 constant_data[256];\n"
      ".shared .align 32 .b8 shared_data[256];\n"
      ".func helper(.param .b64 x) { ret; }\n"
      ".visible .entry k(.param .align 16 .b8 parameter[64]) {\n"
      ".reg .b8 %b<8>; .reg .b16 %h<8>; .reg .b32 %r<8>; .reg .b64 %d<8>; .reg .b128 %q<8>; .reg .f32 %f<8>; "
      ".reg .f64 %g<8>; .reg .pred %p<8>; .local .align 32 .b8 local_data[256];\n"
      // Registers that differ from lane to lane, so that no form is tried on scalars alone.
      "mov.u32 %r0, %laneid; cvt.u64.u32 %d0, %r0; cvt.u16.u32 %h0, %r0; setp.eq.u32 %p0, %r0, 3;\n";
  for (const std::string& statement : statements) text += statement + "\n";
  return text + "END: ret;\n}\n";
}

std::string instruction_of(const std::string& statement) {
  std::string word, last;
  for (size_t i = 0; i <= statement.size(); ++i) {
    char c = i < statement.size() ? statement[i] : ';';
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '%' || c == '.' || c == '@' || c == '!') {
      word += c;
      continue;
    }
    bool candidate = !word.empty() && std::isalpha(static_cast<unsigned char>(word[0])) && c != ':';
    if (candidate && last.empty()) last = word.substr(0, word.find('.'));
    word.clear();
  }
  return last;
}

}  // namespace test
