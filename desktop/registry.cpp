#include "desktop/registry.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

namespace desktop::registry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

base::Error failed(const std::string& what) { return base::Error{what + ": " + std::strerror(errno)}; }

// One list for both directions.
template <class EntryType, class Visit>
void each_field(EntryType& entry, const Visit& visit) {
  visit("id", entry.id);
  visit("process", entry.process);
  visit("started", entry.started);
  visit("display", entry.display);
  visit("source", entry.source);
  visit("program", entry.program);
  visit("size", entry.size);
  visit("render", entry.render);
  visit("encode", entry.encode);
  visit("sound", entry.sound);
  visit("rdp_port", entry.rdp_port);
  visit("web_port", entry.web_port);
  visit("rdp_socket", entry.rdp_socket);
  visit("control_socket", entry.control_socket);
  visit("folder", entry.folder);
  visit("certificate", entry.certificate);
  visit("user", entry.user);
  visit("password", entry.password);
}

base::Status make_private(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("cannot make " + path);
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return failed("cannot look at " + path);
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
    return base::Error{path + " is not a folder of this user alone; remove it or set XDG_RUNTIME_DIR"};
  return base::Done{};
}

std::string random_name() {
  constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyz23456789";  // none that look alike
  uint8_t bytes[6] = {};
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return "";
  std::string name;
  for (uint8_t byte : bytes) name += letters[byte % letters.size()];
  return name;
}

base::Fd open_lock(const std::string& path) { return base::Fd(open((path + "/lock").c_str(), O_RDWR | O_CLOEXEC)); }

bool is_alive(const std::string& path) {
  base::Fd lock = open_lock(path);
  return lock.valid() && flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

std::string to_json(const Entry& entry) {
  Json json;
  each_field(entry, [&](const char* name, const auto& value) { json[name] = value; });
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<Entry> from_json(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return base::Error{"this is no session: not a JSON object"};
  Entry entry;
  std::string wrong;
  each_field(entry, [&](const char* name, auto& value) {
    auto found = json.find(name);
    if (found == json.end()) return;
    if (found->is_string() != std::is_same_v<std::decay_t<decltype(value)>, std::string> ||
        !(found->is_string() || found->is_number_integer()))
      wrong = name;
    else
      found->get_to(value);
  });
  if (!wrong.empty()) return base::Error{"this is no session: " + wrong + " has another type"};
  return entry;
}

base::Result<std::string> folder() {
  const char* runtime = secure_getenv("XDG_RUNTIME_DIR");
  std::string base = runtime && runtime[0] == '/' ? runtime : "";
  std::string made = base.empty() ? "/tmp/outboard-" + std::to_string(geteuid()) : base + "/outboard";
  TRY(make_private(made));
  made += "/desktop";
  TRY(make_private(made));
  return made;
}

base::Result<Place> Place::make() {
  const std::string parent = TRY(folder());
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string id = random_name(), path = parent + "/" + id;
    if (id.empty() || mkdir(path.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return failed("cannot make a folder for the session in " + parent);
    }
    base::Fd lock(open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (lock.valid() && flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return Place(id, path, std::move(lock));
    base::Error error = failed("cannot lock " + path);
    std::error_code ignored;
    fs::remove_all(path, ignored);
    return error;
  }
  return base::Error{"no free name for a session in " + parent};
}

Place::Place(std::string id, std::string path, base::Fd lock)
    : id_(std::move(id)), path_(std::move(path)), lock_(std::move(lock)) {}

Place::Place(Place&& other) noexcept
    : id_(std::move(other.id_)), path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

Place::~Place() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

base::Status Place::write(const Entry& entry) const {
  const std::string path = path_ + "/session.json", fresh = path + ".new", text = to_json(entry) + "\n";
  base::Fd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return failed("cannot write " + fresh);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failed("cannot write " + fresh);
  if (rename(fresh.c_str(), path.c_str()) != 0) return failed("cannot write " + path);
  return base::Done{};
}

base::Result<std::vector<Entry>> list() {
  const std::string parent = TRY(folder());
  std::vector<Entry> entries;
  std::error_code error;
  for (const auto& each : fs::directory_iterator(parent, error)) {
    if (!each.is_directory(error)) continue;
    const std::string path = each.path().string();
    if (is_alive(path)) {
      auto entry = from_json(content(path + "/session.json"));
      if (entry && !entry.value().id.empty()) entries.push_back(std::move(entry.value()));
    } else if (open_lock(path).valid()) {  // without a lock file it is just being made
      fs::remove_all(each.path(), error);
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.started, a.id) < std::pair(b.started, b.id); });
  return entries;
}

base::Result<Entry> find(const std::string& id) {
  std::vector<Entry> found;
  for (Entry& each : TRY(list())) {
    if (each.id == id) return each;
    if (each.id.starts_with(id)) found.push_back(std::move(each));
  }
  if (found.size() == 1) return found.front();
  if (found.empty())
    return base::Error{id.empty() ? "no desktop session runs here; outboard desktop serve starts one"
                                  : "there is no desktop session '" + id + "'; outboard desktop list shows them"};
  return base::Error{"more than one desktop session is meant; outboard desktop list shows them"};
}

base::Result<base::Fd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return base::Error{"the session has no such socket"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  base::Fd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid() || connect(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return failed("the session does not answer");
  return socket_fd;
}

base::Result<std::string> ask(const Entry& entry, const std::string& line) {
  base::Fd peer = TRY(connect_to(entry.control_socket));
  const std::string text = line + "\n";
  if (send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    return failed("the session does not listen");
  std::string answer;
  char bytes[4096];
  while (answer.find('\n') == std::string::npos && answer.size() < (1u << 20)) {
    pollfd ready{peer.get(), POLLIN, 0};
    if (poll(&ready, 1, 5000) <= 0) return base::Error{"the session does not answer within five seconds"};
    ssize_t got = recv(peer.get(), bytes, sizeof bytes, 0);
    if (got <= 0) return base::Error{"the session ended while it was asked"};
    answer.append(bytes, static_cast<size_t>(got));
  }
  answer.resize(std::min(answer.find('\n'), answer.size()));
  Json json = Json::parse(answer, nullptr, false);
  if (!json.is_object()) return base::Error{"the session gave an answer that is not JSON"};
  if (auto error = json.find("error"); error != json.end() && error->is_string())
    return base::Error{error->get<std::string>()};
  return answer;
}

base::Status stop(const Entry& entry) {
  auto asked = ask(entry, R"({"do":"stop"})");
  for (int tenth = 0; tenth < 100; ++tenth) {
    if (!is_alive(entry.folder)) return base::Done{};
    usleep(100'000);
  }
  return base::Error{asked
                         ? "the session did not end within ten seconds; its process is " + std::to_string(entry.process)
                         : asked.error()};
}

}  // namespace desktop::registry
