// Snapshots: facts as one flat JSON object, read from files that anybody may have written.
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "doctor/facts.h"

namespace outboard::doctor {

namespace {

constexpr std::string_view unknown_prefix = "u:";

// Takes a flat object as it is parsed; refuses everything nested deeper than a list of plain values.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Reader(Facts& facts) : facts_(facts) {}
  const std::string& problem() const { return problem_; }

  bool null() override { return in_object(); }
  bool boolean(bool value) override { return value_is(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return value_is(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return value_is(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return value_is(text); }
  bool string(string_t& value) override { return value_is(value); }
  bool binary(binary_t&) override { return refuse("holds binary values"); }

  bool start_object(size_t) override {
    if (depth_ > 0) return refuse("must be one flat object: key '" + key_ + "' holds another object");
    depth_ = 1;
    return true;
  }
  bool key(string_t& key) override {
    key_ = key;
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(size_t) override {
    if (depth_ == 0 || in_list_) return refuse("must be one flat object: lists hold plain values only");
    in_list_ = true;
    list_.clear();
    return true;
  }
  bool end_array() override {
    in_list_ = false;
    keep(list_);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return refuse("is no JSON: it cannot be read from byte " + std::to_string(position) + " on");
  }

 private:
  bool in_object() { return depth_ > 0 || refuse("must be one flat object"); }
  bool value_is(const std::string& text) {
    if (!in_object()) return false;
    if (!in_list_) {
      keep(text);
    } else {
      if (!list_.empty()) list_ += '\n';
      list_ += text;
    }
    return true;
  }
  void keep(const std::string& text) {
    if (std::string_view(key_).starts_with(unknown_prefix))
      facts_.set_unknown(std::string_view(key_).substr(unknown_prefix.size()), text);
    else
      facts_.set(key_, text);
  }
  bool refuse(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }

  Facts& facts_;
  std::string key_, list_, problem_;
  int depth_ = 0;
  bool in_list_ = false;
};

base::Result<std::string> contents(std::istream& in, const std::string& name) {
  std::string text(largest_snapshot + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (in.bad()) return base::Error{"the snapshot " + name + " cannot be read"};
  if (text.size() > largest_snapshot)
    return base::Error{"the snapshot " + name + " is larger than " + std::to_string(largest_snapshot >> 20) + " MiB"};
  return text;
}

}  // namespace

base::Result<Facts> read_snapshot(std::string_view json) {
  if (json.size() > largest_snapshot) return base::Error{"the snapshot is too large"};
  Facts facts;
  Reader reader(facts);
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &reader))
    return base::Error{"the snapshot " + (reader.problem().empty() ? "cannot be read" : reader.problem())};
  return facts;
}

base::Result<Facts> read_snapshot_file(const std::string& path) {
  if (path == "-") return read_snapshot(TRY(contents(std::cin, "on standard input")));
  std::ifstream file(path, std::ios::binary);
  if (!file) return base::Error{"the snapshot " + path + " cannot be opened"};
  return read_snapshot(TRY(contents(file, path)));
}

std::string write_snapshot(const Facts& facts) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& [key, text] : facts.known()) object[key] = text;
  for (const auto& [key, reason] : facts.unknown()) object[std::string(unknown_prefix) + key] = reason;
  // What is no UTF-8 (a binary file, a foreign code page) is written with replacement characters.
  return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace outboard::doctor
