// Names of servers.
#include "link/address.h"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace links {
namespace {

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_number(const std::string& text, unsigned long most) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos && text.size() <= 10 &&
         std::stoul(text) <= most;
}

base::Result<Address> parse_host_and_port(Address::Kind kind, std::string_view rest, std::string_view whole) {
  size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size())
    return base::Error{"'" + std::string(whole) + "' has no port; write tcp:HOST:PORT"};
  std::string host(rest.substr(0, colon)), port(rest.substr(colon + 1));
  if (!is_number(port, kind == Address::Kind::vsock ? UINT32_MAX : 65535))
    return base::Error{"'" + port + "' is not a port; write a number below 65536"};
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return Address{kind, host, port};
}

base::Result<Address> parse_tls(std::string_view rest, std::string_view whole) {
  size_t mark = rest.find('#');
  Address address = TRY(parse_host_and_port(Address::Kind::tls, rest.substr(0, mark), whole));
  if (mark == std::string_view::npos) return address;
  address.fingerprint = rest.substr(mark + 1);
  if (address.fingerprint.size() != 43)
    return base::Error{"'" + address.fingerprint + "' is no fingerprint of a server's key; it has 43 characters"};
  return address;
}

base::Result<Address> parse_vsock(std::string_view rest, std::string_view whole) {
  Address address = TRY(parse_host_and_port(Address::Kind::vsock, rest, whole));
  if (address.where != "any" && !is_number(address.where, UINT32_MAX))
    return base::Error{"'" + address.where + "' is no context id; write vsock://CID:PORT, 2 is the host"};
  return address;
}

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

}  // namespace

std::string Address::text() const {
  switch (kind) {
    case Kind::unix_socket: return "unix:" + where;
    case Kind::tcp: return "tcp:" + bracketed(where) + ":" + port;
    case Kind::tls: return "tls:" + bracketed(where) + ":" + port + (fingerprint.empty() ? "" : "#" + fingerprint);
    case Kind::vsock: return "vsock://" + where + ":" + port;
    case Kind::command: return "via:" + where;
  }
  return {};
}

base::Result<Address> parse(std::string_view text) {
  std::string_view rest = text;
  if (take_prefix(rest, "unix:")) {
    if (rest.empty()) return base::Error{"'unix:' has no path; write unix:PATH"};
    return Address{Address::Kind::unix_socket, std::string(rest), {}};
  }
  if (take_prefix(rest, "tcp://") || take_prefix(rest, "tcp:"))
    return parse_host_and_port(Address::Kind::tcp, rest, text);
  if (take_prefix(rest, "tls://") || take_prefix(rest, "tls:")) return parse_tls(rest, text);
  if (take_prefix(rest, "vsock://")) return parse_vsock(rest, text);
  if (text == "host") return Address{Address::Kind::vsock, "2", "4770"};

  if (take_prefix(rest, "via:")) {
    if (rest.empty())
      return base::Error{"'via:' has no command; write via:COMMAND, for example via:'ssh HOST outboard serve --stdio'"};
    return Address{Address::Kind::command, std::string(rest), {}};
  }
  for (std::string_view later : {"ssh://", "slurm://"})
    if (text.substr(0, later.size()) == later)
      return base::Error{
          "'" + std::string(text) + "': " + std::string(later) +
          " is not available in this version; use via:COMMAND, for example via:'ssh HOST outboard serve --stdio'"};
  return base::Error{"'" + std::string(text) +
                     "' is no target; write unix:PATH, tcp:HOST:PORT, tls:HOST:PORT#FINGERPRINT, vsock://CID:PORT, "
                     "via:COMMAND, cpu or auto"};
}

std::string default_socket_path() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime && *runtime) return std::string(runtime) + "/outboard.sock";
  const char* temporary = std::getenv("TMPDIR");
  return std::string(temporary && *temporary ? temporary : "/tmp") + "/outboard-" + std::to_string(getuid()) +
         "/outboard.sock";
}

}  // namespace links
