#include "cli/doctor_there.h"

#include <cstdio>
#include <cstring>

#include "client/service.h"
#include "link/helper.h"
#include "reach/child.h"

namespace cli {
namespace {

constexpr int doctor_seconds = 120;
constexpr int answer_ms = (doctor_seconds + 30) * 1000, question_ms = 30000;
constexpr uint32_t most_words = 64, longest_word = 4096, longest_text = 8 << 20;

// A question: u32 words, then each as u32 size and bytes. An answer: i32 exit code, then standard output and standard
// error, each as u32 size and bytes.
void put(std::string& to, const std::string& text) {
  auto size = static_cast<uint32_t>(text.size());
  to.append(reinterpret_cast<const char*>(&size), sizeof size);
  to += text;
}

bool send(links::Link& stream, std::string& bytes) {
  iovec piece[] = {{bytes.data(), bytes.size()}};
  return stream.write_all(piece);
}

bool get(links::Link& stream, std::string& text, uint32_t longest, int patience_ms) {
  uint32_t size = 0;
  if (!stream.read_all(&size, sizeof size, patience_ms) || size > longest) return false;
  text.resize(size);
  return stream.read_all(text.data(), size, patience_ms);
}

template <class Number>
std::string bytes_of(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::vector<std::string> words_of(const DoctorOptions& options) {
  std::vector<std::string> words;
  if (options.json) words.push_back("--json");
  if (options.quiet) words.push_back("--quiet");
  if (options.verbose) words.push_back("--verbose");
  if (!options.bundle.empty()) words.insert(words.end(), {"--bundle", "-"});
  words.push_back("--");
  words.insert(words.end(), options.words.begin(), options.words.end());
  return words;
}

// Options that only look.
bool is_allowed(const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] == "--bundle" && i + 1 < words.size() && words[i + 1] == "-")
      ++i;
    else if (words[i] != "--json" && words[i] != "--quiet" && words[i] != "--verbose")
      return false;
  }
  return true;
}

}  // namespace

int doctor_there(const DoctorOptions& options) {
  if (options.fix || options.undo || !options.replay.empty() || (!options.bundle.empty() && options.bundle != "-"))
    return doctor_refuses(
        "--on goes with --json, --quiet, --verbose and --bundle - alone; mends are made on that machine");
  auto stream = client::open_service(options.target, "doctor");
  if (!stream) return doctor_refuses(stream.error());
  const std::vector<std::string> words = words_of(options);
  std::string question = bytes_of(static_cast<uint32_t>(words.size()));
  for (const std::string& word : words) put(question, word);
  int32_t code = 0;
  std::string out, error;
  const bool answered = send(stream.value(), question) && stream.value().read_all(&code, sizeof code, answer_ms) &&
                        get(stream.value(), out, longest_text, question_ms) &&
                        get(stream.value(), error, longest_text, question_ms);
  if (!answered)
    return doctor_refuses("the connection to " + options.target + " ended before the doctor there had answered");
  stream.value().channel().farewell();
  std::fputs(out.c_str(), stdout);
  std::fputs(error.c_str(), stderr);
  return code;
}

int serve_doctor(links::Link stream, const server::ServiceRequest&) {
  uint32_t count = 0;
  if (!stream.read_all(&count, sizeof count, question_ms) || count > most_words) return 1;
  std::vector<std::string> words(count);
  for (std::string& word : words)
    if (!get(stream, word, longest_word, question_ms)) return 1;
  reach::Said said{doctor_misused, {}, "outboard doctor: the asker may only look\n"};
  if (is_allowed(words)) {
    words.insert(words.begin(), {links::outboard_program(), "doctor"});
    auto answered = reach::ask(words, doctor_seconds);
    said = answered ? answered.value() : reach::Said{doctor_misused, {}, "outboard doctor: " + answered.error() + "\n"};
  }
  std::string answer = bytes_of(static_cast<int32_t>(said.code));
  put(answer, said.out);
  put(answer, said.error);
  return send(stream, answer) ? 0 : 1;
}

}  // namespace cli
