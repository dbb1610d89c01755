// Snapshots that may leave the machine.
#include "doctor/probes/bundle.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <map>

#include "base/fd.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor {

namespace {

using probes::contains;
using probes::lower;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; }

// Names that many machines share: they tell nothing, and evidence needs the words.
constexpr std::array common = {"root",      "user",   "host",   "ubuntu", "debian", "fedora", "arch",
                               "nixos",     "alpine", "docker", "nvidia", "cuda",   "linux",  "wsl",
                               "localhost", "gpu",    "video",  "render", "jetson", "vm",     "test",
                               "mesa",      "admin",  "nobody", "ollama", "vagrant"};

bool tells(const std::string& name) {
  return name.size() >= 3 && std::find(common.begin(), common.end(), lower(name)) == common.end();
}

// Every stretch of the text for which `measure` gives a length (at a place where no word runs on) becomes what `make`
// says.
template <class Measure, class Make>
std::string replace(std::string_view text, Measure measure, Make make) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t length = measure(text, at);
    if (length == 0) {
      result += text[at++];
      continue;
    }
    result += make(text.substr(at, length));
    at += length;
  }
  return result;
}

std::string replace_word(std::string_view text, const std::string& word, const std::string& with) {
  auto measure = [&](std::string_view all, size_t at) -> size_t {
    bool here = all.substr(at).starts_with(word) && (at == 0 || !is_word(all[at - 1])) &&
                (at + word.size() == all.size() || !is_word(all[at + word.size()]));
    return here ? word.size() : 0;
  };
  return replace(text, measure, [&](std::string_view) { return with; });
}

// The name after /home/, /Users/ or \Users\ .
std::string replace_homes(std::string_view text) {
  constexpr std::array starts = {"/home/", "/Users/", "\\Users\\", "\\\\Users\\\\", "/var/home/"};
  auto measure = [&](std::string_view all, size_t at) -> size_t {
    for (std::string_view start : starts) {
      if (!all.substr(0, at).ends_with(start)) continue;
      return std::min(all.find_first_of("/\\:;\"'\n ,", at), all.size()) - at;
    }
    return 0;
  };
  return replace(text, measure, [](std::string_view) { return "user"; });
}

// "10.96.0.1" where no longer word or number runs on.
size_t address_length(std::string_view text, size_t at) {
  if (at > 0 && (is_word(text[at - 1]) || text[at - 1] == '.')) return 0;
  size_t end = at;
  for (int part = 0; part < 4; ++part) {
    size_t digits = 0, value = 0;
    for (; end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) && digits < 4; ++end, ++digits)
      value = value * 10 + static_cast<size_t>(text[end] - '0');
    if (digits == 0 || digits > 3 || value > 255) return 0;
    if (part < 3 && (end >= text.size() || text[end++] != '.')) return 0;
  }
  bool runs_on = end < text.size() &&
                 (is_word(text[end]) || (text[end] == '.' && end + 1 < text.size() && is_word(text[end + 1])));
  std::string_view address = text.substr(at, end - at);
  return runs_on || address.starts_with("127.") || address == "0.0.0.0" ? 0 : end - at;
}

// Hexadecimal groups with colons: an Ethernet address, or an IPv6 address (two or more colons side by side, or seven).
size_t colon_address_length(std::string_view text, size_t at) {
  if (at > 0 && (is_word(text[at - 1]) || text[at - 1] == ':' || text[at - 1] == '.')) return 0;
  size_t end = at, colons = 0, longest = 0, group = 0;
  bool short_form = false;
  for (; end < text.size(); ++end) {
    if (text[end] == ':') {
      ++colons;
      short_form |= group == 0 && end > at;
      group = 0;
    } else if (std::isxdigit(static_cast<unsigned char>(text[end]))) {
      longest = std::max(longest, ++group);
    } else {
      break;
    }
  }
  if ((end < text.size() && is_word(text[end])) || longest > 4) return 0;
  bool ethernet = colons == 5 && longest == 2 && !short_form;
  return ethernet || colons == 7 || (short_form && colons >= 2 && longest >= 2) ? end - at : 0;
}

std::string replace_addresses(std::string_view text) {
  auto measure = [](std::string_view all, size_t at) -> size_t {
    size_t length = address_length(all, at);
    return length ? length : colon_address_length(all, at);
  };
  return replace(text, measure, [](std::string_view) { return "address"; });
}

bool names_secret(std::string_view name) {
  constexpr std::array words = {"token",   "secret",     "password",    "passwd",     "apikey",
                                "api_key", "credential", "private_key", "access_key", "auth"};
  std::string low = lower(name);
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return contains(low, word); });
}

// "NAME=value" and "name: value" where the name speaks of a secret; words that services give out as keys; a user and a
// password in an address of the web.
size_t secret_length(std::string_view text, size_t at) {
  constexpr std::array starts = {"ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "hf_",
                                 "sk-",  "eyJ",  "AKIA", "xoxb-",       "xoxp-",  "nvapi-"};
  size_t end = std::min(text.find_first_of(" \t\n\"',;&", at), text.size());
  bool starts_word = at == 0 || !is_word(text[at - 1]);
  std::string_view word = text.substr(at, end - at);
  if (starts_word && word.size() >= 16)
    for (const char* start : starts)
      if (word.starts_with(start)) return word.size();
  if (at >= 2 && text.substr(at - 2, 2) == "//" && contains(word, "@")) return word.find('@');
  if (at == 0 || (text[at - 1] != '=' && text[at - 1] != ':') || word.empty()) return 0;
  size_t first = at - 1;
  while (first > 0 && is_word(text[first - 1])) --first;
  return names_secret(text.substr(first, at - 1 - first)) ? word.size() : 0;
}

std::string replace_secrets(std::string_view text) {
  return replace(text, secret_length, [](std::string_view) { return "redacted"; });
}

// GPU-8f6d3c1e-....: each its own number.
class Uuids {
 public:
  std::string replace_in(std::string_view text) {
    return replace(text, measure, [&](std::string_view uuid) { return name_of(std::string(uuid)); });
  }

 private:
  static size_t measure(std::string_view text, size_t at) {
    constexpr size_t digits = 36;
    for (std::string_view start : {"GPU-", "MIG-"}) {
      if (!text.substr(at).starts_with(start)) continue;
      std::string_view uuid = text.substr(at + start.size(), digits);
      if (uuid.size() == digits && uuid.find_first_not_of("0123456789abcdefABCDEF-") == uuid.npos)
        return start.size() + digits;
    }
    return 0;
  }
  std::string name_of(const std::string& uuid) {
    size_t number = names_.try_emplace(uuid, names_.size() + 1).first->second;
    std::array<char, 64> text;
    snprintf(text.data(), text.size(), "%.4s00000000-0000-0000-0000-%012zx", uuid.c_str(), number);
    // One that names nothing stays what it is: no GPU has it.
    return uuid.find_first_not_of("GPUMI-0") == std::string::npos ? uuid : text.data();
  }
  std::map<std::string, size_t> names_;
};

// Where people and machines are named. Elsewhere a name that is also a word must not change the evidence.
bool may_hold_names(std::string_view key) {
  return !key.starts_with("f:") || contains(key, "mounts") || contains(key, "cmdline") || contains(key, "/home/") ||
         key.ends_with(".json") || key.ends_with(".icd");
}

// Where numbers with dots are addresses; elsewhere they are versions.
bool may_hold_addresses(std::string_view key) {
  return key.starts_with("e:") || key.starts_with("c:") || key.starts_with("k:") || key == "p:parent.env" ||
         contains(key, "mounts") || contains(key, "cmdline") || contains(key, "daemon.json") ||
         contains(key, "wslconfig");
}

}  // namespace

Private private_names(const probes::Place& place) {
  Private names;
  auto add = [](std::vector<std::string>& list, const std::string& name) {
    if (tells(name) && std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  };
  for (const char* variable : {"USER", "LOGNAME", "SUDO_USER", "USERNAME"}) add(names.users, place.variable(variable));
  std::string home = place.variable("HOME");
  if (home.starts_with("/home/")) add(names.users, home.substr(home.rfind('/') + 1));
  for (const std::string& line : probes::lines(probes::read(place, "/etc/passwd", 4 << 20).text))
    if (contains(line, ":/home/")) add(names.users, line.substr(0, line.find(':')));
  std::array<char, 256> host = {};
  if (place.real() && gethostname(host.data(), host.size() - 1) == 0) add(names.hosts, host.data());
  add(names.hosts, probes::word(place, "/etc/hostname"));
  for (const char* variable : {"HOSTNAME", "SLURMD_NODENAME"}) add(names.hosts, place.variable(variable));
  return names;
}

Facts redact(const Facts& facts, const Private& names) {
  Facts result;
  Uuids uuids;
  auto clean = [&](std::string_view key, std::string_view text) {
    std::string value = replace_secrets(replace_homes(text));
    for (const std::string& user : names.users)
      if (may_hold_names(key)) value = replace_word(value, user, "user");
    for (const std::string& host : names.hosts)
      if (may_hold_names(key)) value = replace_word(value, host, "host");
    if (may_hold_addresses(key)) value = replace_addresses(value);
    return uuids.replace_in(value);
  };
  auto clean_key = [&](std::string_view key) { return uuids.replace_in(replace_homes(key)); };
  for (const auto& [key, text] : facts.known())
    result.set(clean_key(key), key.starts_with("e:") && names_secret(key) ? "redacted" : clean(key, text));
  for (const auto& [key, reason] : facts.unknown()) result.set_unknown(clean_key(key), clean(key, reason));
  return result;
}

base::Status write_whole(const std::string& path, const std::string& text) {
  std::string beside = path + ".XXXXXX";
  base::Fd file(mkostemp(beside.data(), O_CLOEXEC));
  if (!file.valid()) return base::Error{"no file can be made beside " + path + ": " + probes::error_sentence(errno)};
  auto failed = [&](int error) {
    unlink(beside.c_str());
    return base::Error{path + " was not written: " + probes::error_sentence(error)};
  };
  for (size_t written = 0; written < text.size();) {
    ssize_t size = write(file.get(), text.data() + written, text.size() - written);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return failed(size < 0 ? errno : ENOSPC);
    written += static_cast<size_t>(size);
  }
  if (fsync(file.get()) != 0) return failed(errno);
  if (rename(beside.c_str(), path.c_str()) != 0) return failed(errno);
  return base::Done{};
}

base::Status write_bundle(const Facts& facts, const probes::Place& place, const std::string& path) {
  std::string text = write_snapshot(redact(facts, private_names(place)));
  if (path != "-") return write_whole(path, text);
  bool whole = fwrite(text.data(), 1, text.size(), stdout) == text.size() && fflush(stdout) == 0;
  if (!whole)
    return base::Error{"the snapshot could not be written to standard output: " + probes::error_sentence(errno)};
  return base::Done{};
}

}  // namespace outboard::doctor
