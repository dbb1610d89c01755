// A server that is reached through a command's pipes offers a way around them: where it listens for this one session,
// and the key it proves itself with there (PROTOCOL.md, "A way around the pipes").
#pragma once
#include <string>
#include <vector>

namespace wire {

struct Offer {
  std::string machine;      // that the server is on: the boot id of its kernel
  std::string fingerprint;  // link/server_key.h
  std::string port;
  std::vector<std::string> hosts;  // addresses in numbers, the likeliest first
};

// Words with spaces between.
std::string text_of(const Offer& offer);
// The peer's word: a host that is no address in numbers is left out. Without any it is no offer.
bool parse(const std::string& text, Offer& offer);

// Of this machine's kernel, random at each boot; empty where it does not tell.
std::string this_machine();

}  // namespace wire
