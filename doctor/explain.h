// Answers without a machine: what a cause is, and which causes a pasted error has.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace outboard::doctor {

// The text of one cause, for people; empty where there is none of this id.
std::string explain(std::string_view id, size_t width = 80);

// A cause that an error text may have, and what decides.
struct Suspect {
  std::string id;
  std::string because;  // the message or the code in the text
};
// The causes of a text, the likeliest first: its own messages, then the codes that it names.
std::vector<Suspect> suspects(std::string_view text);
std::string explain_text(std::string_view text, size_t width = 80);

// All checks, one a line: id, rank, severity, layer, title.
std::string list_checks();

}  // namespace outboard::doctor
