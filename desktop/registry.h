// The sessions of this user on this machine: a folder for each, which `outboard desktop list|status|stop` read.
//
//   $XDG_RUNTIME_DIR/outboard/desktop/ID/     (without XDG_RUNTIME_DIR: /tmp/outboard-UID), mode 0700
//     session.json   mode 0600: what Entry holds
//     lock           held (flock) by the keeper as long as the session lives; a folder whose lock is free is a leftover
//     control        unix socket: one line of JSON asks, one line answers (see below)
//     rdp            unix socket that speaks RDP, for tunnels: no port needed
//     certificate.pem, key.pem
//
// Control: {"do":"status"} · {"do":"stop"} · {"do":"credential","uses":1,"seconds":300} -> {"user":…,"password":…}
// · {"do":"token"} -> {"token":…}, which opens the page once. An answer with "error" holds a sentence.
//
// Whoever starts a session for a client elsewhere uses `outboard desktop serve --json --until-eof`: one line on
// standard output, the Entry, when it is ready (or {"error":…}); the session ends when standard input does.
//
// Needs neither X nor FreeRDP: the command line links it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace desktop::registry {

struct Entry {
  std::string id;       // six letters and digits
  int64_t process = 0;  // the keeper
  int64_t started = 0;  // seconds since 1970
  std::string display;  // ":12"
  std::string source;   // "X display :12 (Xvnc, started for this session)"
  std::string program;  // empty: a desktop
  std::string size;     // "1280x720", as it began; status tells the present one
  std::string render;   // what draws, as probed
  std::string encode;   // the encoder in use, as proved
  std::string sound;
  int rdp_port = 0;  // on 127.0.0.1; 0: only the socket
  int web_port = 0;  // on 127.0.0.1; 0: no page
  std::string rdp_socket, control_socket, folder;
  std::string certificate;     // SHA-256 of the certificate, hex with colons, as clients show it
  std::string user, password;  // good while the session lasts; empty: ask for a credential
};

std::string to_json(const Entry& entry);
base::Result<Entry> from_json(const std::string& text);

// Where this user's sessions are; made with mode 0700. Refused when somebody else owns it.
base::Result<std::string> folder();

// The keeper's hold on a session: its folder goes when this does.
class Place {
 public:
  static base::Result<Place> make();
  Place(Place&& other) noexcept;
  Place& operator=(Place&&) = delete;
  ~Place();
  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  // Writes session.json, whole or not at all.
  base::Status write(const Entry& entry) const;
  // A forked child must not remove the folder.
  void forget() { path_.clear(); }

 private:
  Place(std::string id, std::string path, base::Fd lock);
  std::string id_, path_;
  base::Fd lock_;
};

// Sessions that live, oldest first; leftovers of dead ones are removed on the way.
base::Result<std::vector<Entry>> list();
// By id, or by a part of it that is one's alone; "" is the only session.
base::Result<Entry> find(const std::string& id);
// To one of a session's unix sockets.
base::Result<base::Fd> connect_to(const std::string& path);
// Asks a session's control socket; an answer with "error" is an error.
base::Result<std::string> ask(const Entry& entry, const std::string& line);
// Asks it to end and waits until its folder is gone.
base::Status stop(const Entry& entry);

}  // namespace desktop::registry
