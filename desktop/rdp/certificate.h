// A key and a certificate of our own for one session: signed by itself, known to clients by its fingerprint.
#pragma once
#include <string>

#include "base/result.h"

namespace desktop::rdp {

struct Certificate {
  std::string certificate, key;  // PEM
  std::string fingerprint;       // SHA-256, lower hex with colons, as FreeRDP's /cert:fingerprint takes it
};
base::Result<Certificate> make_certificate();

}  // namespace desktop::rdp
