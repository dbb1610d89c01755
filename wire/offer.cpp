#include "wire/offer.h"

#include <arpa/inet.h>

#include <fstream>
#include <sstream>

namespace wire {
namespace {

constexpr size_t most_hosts = 8;

bool is_address(const std::string& text) {
  in6_addr any;
  return inet_pton(AF_INET, text.c_str(), &any) == 1 || inet_pton(AF_INET6, text.c_str(), &any) == 1;
}

}  // namespace

std::string text_of(const Offer& offer) {
  std::string text = (offer.machine.empty() ? "-" : offer.machine) + " " + offer.fingerprint + " " + offer.port;
  for (const std::string& host : offer.hosts) text += " " + host;
  return text;
}

bool parse(const std::string& text, Offer& offer) {
  std::istringstream words(text);
  if (!(words >> offer.machine >> offer.fingerprint >> offer.port)) return false;
  if (offer.fingerprint.size() != 43 || offer.port.size() > 5 ||
      offer.port.find_first_not_of("0123456789") != std::string::npos)
    return false;
  for (std::string host; words >> host && offer.hosts.size() < most_hosts;)
    if (is_address(host)) offer.hosts.push_back(host);
  return !offer.hosts.empty();
}

std::string this_machine() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

}  // namespace wire
