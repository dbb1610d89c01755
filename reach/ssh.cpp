#include "reach/ssh.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "reach/bootstrap/bootstrap.h"
#include "reach/far.h"
#include "reach/server.h"

namespace reach {
namespace {

constexpr int configuration_seconds = 10;
constexpr int ssh_itself = 255;  // exit code of an ssh that has lost its connection (ssh(1), EXIT STATUS)

// `keyword value` lines, keywords in small letters (ssh(1), -G).
using Configuration = std::map<std::string, std::string>;

Configuration read_configuration(const std::string& text) {
  Configuration read;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    size_t space = line.find(' ');
    read.emplace(line.substr(0, space), space == line.npos ? "" : line.substr(space + 1));
    at = end + 1;
  }
  return read;
}

// A folder for this user's sockets alone; empty: there is none, and connections are not shared.
std::string socket_folder() {
  std::filesystem::path folder = std::filesystem::path(links::default_socket_path()).parent_path();
  if (mkdir(folder.c_str(), 0700) < 0 && errno != EEXIST) return {};
  struct stat facts {};
  bool own = lstat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && facts.st_uid == getuid() &&
             !(facts.st_mode & 022);
  constexpr size_t name = sizeof "/ssh-" + 40 + 17;  // %C is 40 digits, and ssh makes it under a longer name first
  return own && folder.string().size() + name < sizeof(sockaddr_un::sun_path) ? folder.string() : "";
}

void add(Words& words, const std::string& option) {
  words.push_back("-o");
  words.push_back(option);
}

// What one sign-in opened serves the program's other processes, too: no second password, and no second handshake.
void share_connection(Words& words, const Configuration& set) {
  if (set.contains("controlpath") && set.at("controlpath") != "none") return;
  std::string folder = socket_folder();
  if (folder.empty()) return;
  add(words, "ControlMaster=auto");
  add(words, "ControlPath=" + folder + "/ssh-%C");
  add(words, "ControlPersist=30");
}

std::string advice(const links::Address& address, const Mark& mark) {
  return address.text() + ": no outboard is installed there (" + mark.machine() +
         "); install it there, or let --bootstrap copy this one into its cache";
}

// Why ssh came to nothing, in its own words where it said some.
std::string failure(const links::Address& address, int code, const std::string& words) {
  if (code == ssh_itself)
    return "cannot reach " + address.text() + "; ssh says: " + (words.empty() ? "nothing" : words);
  return address.text() + ": the connection ended before a server started there (exit code " + std::to_string(code) +
         ")" + (words.empty() ? "" : "; it said: " + words);
}

base::Status stays(Program& program) {
  if (program.hear()) return base::Done{};
  return base::Error{"the program has left"};
}

}  // namespace

base::Result<Words> ssh_words(const links::Address& address, bool ask_only) {
  Words target;
  if (!address.port.empty()) target = {"-p", address.port};
  target.insert(target.end(), {"--", address.where});
  Words question = {"ssh", "-G"};
  question.insert(question.end(), target.begin(), target.end());
  Said said = TRY(ask(question, configuration_seconds));
  if (said.code)
    return base::Error{"ssh does not take its configuration for " + address.text() + ": " + last_line(said.error)};
  Configuration set = read_configuration(said.out);
  Words words = {"ssh", "-T"};
  // Commands and forwardings of the configuration belong to the user's own sessions; sftp(1) leaves them out, too.
  for (const char* option : {"RemoteCommand=none", "ClearAllForwardings=yes", "ForwardX11=no", "PermitLocalCommand=no"})
    add(words, option);
  if (!set.contains("serveraliveinterval") || set.at("serveraliveinterval") == "0") {
    add(words, "ServerAliveInterval=5");  // a network that went away without a word is noticed
    add(words, "ServerAliveCountMax=3");
  }
  if (ask_only) {
    add(words, "BatchMode=yes");
    add(words, "ConnectTimeout=2");
  }
  share_connection(words, set);
  words.insert(words.end(), target.begin(), target.end());
  return words;
}

int reach_ssh(Program& program, const links::Address& address, bool ask_only) {
  auto words = ssh_words(address, ask_only);
  if (!words) return program.fail(words.error()), 1;
  for (bool bootstrapped = false;; bootstrapped = true) {
    Words command = words.value();
    command.push_back(for_any_shell(far_script({"serve --stdio --exec", {}, true, wants_bootstrap(), true})));
    auto server = Server::start(command, !ask_only);
    if (!server) return program.fail(server.error()), 1;
    Mark mark;
    if (!server.value().await(mark, program)) return 1;
    if (mark.is("ready")) return server.value().serve(program, [](int code) { return code != ssh_itself; });
    const bool missing = !mark.machine().empty();
    if (missing && wants_bootstrap() && !ask_only && !bootstrapped) {
      const FarShell shell{address.text(), words.value(), FarShell::Script::quoted};
      base::Status copied = bootstrap(shell, mark.machine(), [&] { return stays(program); });
      if (copied) continue;
      return program.fail(copied.error()), 1;
    }
    if (missing) return program.fail(advice(address, mark)), 1;
    int code = server.value().finish();
    return program.fail(failure(address, code, server.value().last_words())), 1;
  }
}

}  // namespace reach
