#include "image/variables.h"

#include <algorithm>

#include "image/bundle.h"
#include "image/fatbin.h"

namespace image {
namespace {

bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         c == '%' || c == '.';
}

// Words and single characters; comments, strings and space are passed over.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  // Empty: the end.
  std::string_view next() {
    pass_space();
    if (at_ >= text_.size() || !text_[at_]) return {};
    size_t begin = at_++;
    if (text_[begin] == '"') {
      at_ = std::min(text_.find('"', at_), text_.size() - 1) + 1;
      return "\"";
    }
    if (in_word(text_[begin]))
      while (at_ < text_.size() && in_word(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

 private:
  void pass_space() {
    for (; at_ < text_.size(); ++at_) {
      std::string_view rest = text_.substr(at_);
      if (rest.starts_with("//"))
        at_ = std::min(text_.find('\n', at_), text_.size() - 1);
      else if (rest.starts_with("/*"))
        at_ = std::min(text_.find("*/", at_ + 2), text_.size() - 2) + 1;
      else if (rest[0] != ' ' && (rest[0] < '\t' || rest[0] > '\r'))
        return;
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

// The word after the directives of a declaration: `.align` has a number, attributes stand in parentheses.
std::string_view name_of(Words& words) {
  for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
    if (word == ".align") {
      words.next();
    } else if (word == "(") {
      while (!word.empty() && word != ")") word = words.next();
    } else if (!word.starts_with('.')) {
      return word;
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> variables_of_ptx(std::string_view text, size_t most) {
  std::vector<std::string> names;
  Words words(text);
  size_t depth = 0;
  for (std::string_view word = words.next(); !word.empty() && names.size() < most; word = words.next()) {
    if (word == "{" || word == "(") ++depth;
    if ((word == "}" || word == ")") && depth) --depth;
    if (depth || (word != ".global" && word != ".const")) continue;
    std::string_view name = name_of(words);
    if (!name.empty() && in_word(name[0])) names.emplace_back(name);
  }
  return names;
}

std::vector<std::string> variables_of(std::span<const std::byte> image, size_t most) {
  if (auto parts = unbundle(image)) {
    std::vector<std::string> names;
    for (const auto& part : parts.value())
      for (std::string& name : variables_of(part, most - names.size())) names.push_back(std::move(name));
    return names;
  }
  auto as_text = [](std::span<const std::byte> bytes) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  auto entries = parse_fatbin(image);
  if (!entries) return variables_of_ptx(as_text(image), most);
  const Entry* ptx = oldest_ptx(entries.value());
  auto unpacked = ptx ? unpack(*ptx) : base::Error{"no PTX"};
  if (!unpacked) return {};
  return variables_of_ptx(as_text(unpacked.value()), most);
}

}  // namespace image
