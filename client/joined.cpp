#include "client/joined.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/base64.h"
#include "base/fd.h"

namespace client {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view mark = "outboard-join:v1:";
constexpr std::string_view vsock_mark = "vsock/";  // no name of a host has a slash
constexpr size_t longest = 1024;

// As a file's name; anything else could lead out of the folder.
bool is_plain(std::string_view name) {
  constexpr auto allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() < 64 && name.front() != '.' && name.find_first_not_of(allowed) == name.npos;
}

std::string folder() {
  const char* chosen = secure_getenv("XDG_CONFIG_HOME");
  if (chosen && *chosen == '/') return std::string(chosen) + "/outboard/targets";
  const char* home = secure_getenv("HOME");
  return home ? std::string(home) + "/.config/outboard/targets" : "";
}

base::Result<Joined> name_started(std::string_view line) {
  auto address = TRY(links::parse(line));
  Joined joined;
  joined.address = address.text();
  joined.name = address.where.substr(address.where.rfind('@') + 1);
  if (!is_plain(joined.name)) joined.name = address.kind == links::Address::Kind::ssh ? "server" : "slurm";
  return joined;
}

std::string take_last(std::string_view& text) {
  size_t colon = text.rfind(':');
  std::string last(text.substr(colon == text.npos ? 0 : colon + 1));
  text = text.substr(0, colon == text.npos ? 0 : colon);
  return last;
}

}  // namespace

base::Result<Joined> parse_join_line(std::string_view line) {
  const base::Error wrong{
      "this is no join line; outboard token create prints one, which begins with outboard-join:v1: and is used whole"};
  while (!line.empty() && std::strchr(" \t\r\n", line.back())) line.remove_suffix(1);
  while (!line.empty() && std::strchr(" \t\r\n", line.front())) line.remove_prefix(1);
  if (line.starts_with("ssh://") || line.starts_with("slurm://")) return name_started(line);
  if (!line.starts_with(mark) || line.size() > longest) return wrong;
  line.remove_prefix(mark.size());
  Joined joined;
  joined.secret = take_last(line);
  joined.fingerprint = take_last(line);
  joined.port = take_last(line);
  joined.host = line;
  if (joined.host.starts_with('[') && joined.host.ends_with(']'))
    joined.host = joined.host.substr(1, joined.host.size() - 2);
  auto bytes = [](const std::string& text) {
    auto decoded = base::from_base64url(text);
    return decoded ? decoded->size() : 0;
  };
  if (bytes(joined.secret) != 32 || (joined.fingerprint != "-" && bytes(joined.fingerprint) != 32)) return wrong;
  if (joined.host.empty() || !address_of(joined)) return wrong;
  joined.name = is_plain(joined.host) ? joined.host : "server";
  return joined;
}

std::string join_line(const Joined& joined) {
  if (!joined.address.empty()) return joined.address;
  const bool brackets = joined.host.find(':') != std::string::npos;
  return std::string(mark) + (brackets ? "[" + joined.host + "]" : joined.host) + ":" + joined.port + ":" +
         joined.fingerprint + ":" + joined.secret;
}

base::Result<links::Address> address_of(const Joined& joined) {
  if (!joined.address.empty()) return links::parse(joined.address);
  const std::string_view host = joined.host;
  if (host.starts_with(vsock_mark))
    return links::parse("vsock://" + std::string(host.substr(vsock_mark.size())) + ":" + joined.port);
  auto address = TRY(links::parse("tcp:[" + joined.host + "]:" + joined.port));
  if (joined.fingerprint == "-") return address;
  address.kind = links::Address::Kind::tls;
  address.fingerprint = joined.fingerprint;
  return address;
}

std::string host_of(const links::Address& address) {
  return (address.kind == links::Address::Kind::vsock ? std::string(vsock_mark) : "") + address.where;
}

base::Status keep(const Joined& joined) {
  const std::string at = folder();
  if (at.empty()) return base::Error{"there is no home folder to keep the join line in; set HOME"};
  if (!is_plain(joined.name)) return base::Error{"'" + joined.name + "' cannot be a name; use letters, digits, . _ -"};
  std::error_code error;
  fs::create_directories(at, error);
  chmod(at.c_str(), 0700);
  const std::string path = at + "/" + joined.name, fresh = path + ".new." + std::to_string(getpid());
  base::Fd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  const std::string text = join_line(joined) + "\n";
  bool written = file.valid() && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                 rename(fresh.c_str(), path.c_str()) == 0;
  if (written) return base::Done{};
  int reason = errno;
  unlink(fresh.c_str());
  return base::Error{"cannot write " + path + ": " + std::strerror(reason)};
}

base::Status forget(const std::string& name) {
  if (is_plain(name) && unlink((folder() + "/" + name).c_str()) == 0) return base::Done{};
  return base::Error{"no server of the name '" + name + "' was joined; outboard targets shows them"};
}

std::optional<Joined> find_joined(const std::string& name) {
  if (!is_plain(name)) return std::nullopt;
  base::Fd file(open((folder() + "/" + name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  char text[longest + 1];
  ssize_t size = file.valid() ? read(file.get(), text, sizeof text) : -1;
  if (size <= 0) return std::nullopt;
  auto joined = parse_join_line({text, static_cast<size_t>(size)});
  if (!joined) return std::nullopt;
  joined.value().name = name;
  return joined.value();
}

std::vector<Joined> all_joined() {
  std::vector<Joined> all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder(), error))
    if (auto joined = find_joined(entry.path().filename())) all.push_back(*joined);
  std::ranges::sort(all, {}, &Joined::name);
  return all;
}

}  // namespace client
