// A way in to a session: it listens on sockets that were made before the sandbox, and makes viewers.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "desktop/rdp/certificate.h"

namespace desktop {

class Session;

class Service {
 public:
  virtual ~Service() = default;  // ends its viewers and its threads
};

struct RdpOptions {
  rdp::Certificate certificate;
  std::vector<std::string>
      codecs;  // "avc444", "avc420", "progressive", "remotefx", "planar": those allowed, empty: all
  size_t most_viewers = 8;
};
// What must be done before the sandbox: providers of OpenSSL are loaded. An error: NTLM does not work here, so there is
// no way to prove a password.
base::Status prepare_rdp();
base::Result<std::unique_ptr<Service>> serve_rdp(Session& session, std::vector<base::Fd> listeners,
                                                 const RdpOptions& options);

// The browser page (desktop/web/): HTTP and one WebSocket on a listening TCP socket of the loopback. Nothing is shown
// before Credentials::enter(token).
base::Result<std::unique_ptr<Service>> serve_web(Session& session, base::Fd listener);

}  // namespace desktop
