// What a server says of itself: sessions as JSON for the command line, metrics for Prometheus.
#pragma once
#include <string>

#include "server/listener.h"
#include "server/tenants.h"
#include "server/web.h"

namespace server {

std::string sessions_json(const Tenants& tenants, const ListenerOptions& options);
std::string metrics_text(const Tenants& tenants, const ListenerOptions& options);

// Everything, for this user's own tools: /about, /sessions, and the ends of sessions.
Web::Answer respond_to_user(Tenants& tenants, const ListenerOptions& options, const std::string& method,
                            const std::string& path);
// /metrics and /healthz, for anybody on this machine.
Web::Answer respond_to_anybody(Tenants& tenants, const ListenerOptions& options, const std::string& method,
                               const std::string& path);

// Where a server's user may ask: STATE/servers/PID.
std::string control_folder();

}  // namespace server
