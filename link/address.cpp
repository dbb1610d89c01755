// Names of servers.
#include "link/address.h"

#include <unistd.h>

#include <algorithm>
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

constexpr std::string_view letters_and_digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

// Nothing that a shell or ssh could take for more than a name: no space, no quote, no leading dash.
bool is_name(std::string_view text, std::string_view more) {
  if (text.empty() || text.front() == '-') return false;
  for (char c : text)
    if (letters_and_digits.find(c) == text.npos && more.find(c) == text.npos) return false;
  return true;
}

base::Result<Address> parse_ssh(std::string_view rest, std::string_view whole) {
  if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  Address address{Address::Kind::ssh};
  size_t at = rest.rfind('@');
  std::string user(at == rest.npos ? "" : rest.substr(0, at));
  std::string_view host = at == rest.npos ? rest : rest.substr(at + 1);
  size_t colon = host.rfind(':'), bracket = host.rfind(']');
  if (colon != host.npos && (bracket == host.npos || bracket < colon)) {
    address.port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (!is_number(address.port, 65535))
      return base::Error{"'" + address.port + "' is not a port; write a number below 65536"};
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (!is_name(host, "._-:%") || (at != rest.npos && !is_name(user, "._-+\\")))
    return base::Error{"'" + std::string(whole) + "' names no host; write ssh://[USER@]HOST[:PORT]"};
  address.where = (user.empty() ? "" : user + "@") + std::string(host);
  return address;
}

bool is_count(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos && text.size() <= 12;
}
bool is_number_from_1(std::string_view text) { return is_count(text) && text.find_first_not_of('0') != text.npos; }
bool is_size(std::string_view text) {
  if (!text.empty() && std::string_view("KMGT").find(text.back()) != text.npos) text.remove_suffix(1);
  return is_count(text);
}
bool is_yes_or_no(std::string_view text) { return text == "0" || text == "1"; }
bool is_anything(std::string_view) { return true; }

// sbatch(1), --time: minutes, minutes:seconds, hours:minutes:seconds, and days before them with a dash.
bool is_time(std::string_view text) {
  if (text == "UNLIMITED" || text == "INFINITE") return true;
  if (size_t dash = text.find('-'); dash != text.npos) {
    if (!is_count(text.substr(0, dash))) return false;
    text.remove_prefix(dash + 1);
  }
  for (int parts = 1; parts <= 3; ++parts) {
    const size_t colon = text.find(':');
    if (!is_count(text.substr(0, colon))) return false;
    if (colon == text.npos) return true;
    text.remove_prefix(colon + 1);
  }
  return false;
}

// What Slurm can be asked for. Values that it would refuse late, or take for something else, are refused here.
struct SlurmKey {
  std::string_view name;
  bool (*takes)(std::string_view value);
  const char* example;
};
constexpr SlurmKey slurm_keys[] = {
    {"account", is_anything, ""},
    {"client", is_anything, ""},
    {"constraint", is_anything, ""},
    {"cpus", is_number_from_1, "a number: cpus=4"},
    {"gres", is_anything, ""},
    {"job", is_number_from_1, "a job's number: job=1234"},
    {"mem", is_size, "a size: mem=4000 (megabytes) or mem=20G"},
    {"nodes", is_anything, ""},
    {"qos", is_anything, ""},
    {"requeue", is_yes_or_no, "0 or 1: requeue=1"},
    {"time", is_time, "a time: time=30 (minutes), time=2:00:00 or time=1-12 (days-hours)"}};

base::Result<Address> parse_slurm(std::string_view rest, std::string_view whole) {
  size_t mark = rest.find('?');
  Address address{Address::Kind::slurm, std::string(rest.substr(0, mark))};
  if (!address.where.empty() && address.where.back() == '/') address.where.pop_back();
  if (!address.where.empty() && !is_name(address.where, "._-,"))
    return base::Error{"'" + address.where +
                       "' is no partition; write slurm://[PARTITION][?gres=...&mem=...&time=...]"};
  if (mark != rest.npos) address.query = rest.substr(mark + 1);
  for (std::string_view left = address.query; !left.empty();) {
    std::string_view one = left.substr(0, left.find('&'));
    left.remove_prefix(std::min(left.size(), one.size() + 1));
    size_t equals = one.find('=');
    std::string key(one.substr(0, equals));
    const auto known = std::ranges::find(slurm_keys, key, &SlurmKey::name);
    if (known == std::end(slurm_keys))
      return base::Error{
          "'" + std::string(whole) + "': Slurm is not asked for '" + key +
          "'; there are gres, mem, time, cpus, nodes, constraint, account, qos, client, job and requeue"};
    if (equals == one.npos || !is_name(one.substr(equals + 1), "._-,:=*[]|"))
      return base::Error{"'" + std::string(whole) + "': '" + key + "' has no value that Slurm could take"};
    if (const std::string value(one.substr(equals + 1)); !known->takes(value))
      return base::Error{"'" + std::string(whole) + "': '" + value + "' is not " + known->example};
  }
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
    case Kind::ssh: {
      size_t at = where.rfind('@') + 1;  // 0 where there is no user
      return "ssh://" + where.substr(0, at) + bracketed(where.substr(at)) + (port.empty() ? "" : ":" + port);
    }
    case Kind::slurm: return "slurm://" + where + (query.empty() ? "" : "?" + query);
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
  if (take_prefix(rest, "ssh://")) return parse_ssh(rest, text);
  if (take_prefix(rest, "slurm://")) return parse_slurm(rest, text);
  return base::Error{"'" + std::string(text) +
                     "' is no target; write unix:PATH, tcp:HOST:PORT, tls:HOST:PORT#FINGERPRINT, vsock://CID:PORT, "
                     "ssh://[USER@]HOST[:PORT], slurm://[PARTITION], via:COMMAND, cpu or auto"};
}

std::string in_query(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    if (one.substr(0, one.find('=')) == key && one.size() > key.size()) return std::string(one.substr(key.size() + 1));
  }
  return {};
}

std::string default_socket_path() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime && *runtime) return std::string(runtime) + "/outboard.sock";
  const char* temporary = std::getenv("TMPDIR");
  return std::string(temporary && *temporary ? temporary : "/tmp") + "/outboard-" + std::to_string(getuid()) +
         "/outboard.sock";
}

}  // namespace links
