// The worker's half of the handshake: the client's hello, the answer, and the way bytes go from there on.
#pragma once
#include <string>

#include "link/link.h"
#include "server/direct.h"
#include "server/returning.h"
#include "server/worker.h"
#include "wire/hello.h"

namespace server {

// Ends this process with one line in the log.
[[noreturn]] void leave(const std::string& reason, int code = 1);
// Leaves when the client does not speak TLS 1.3.
links::Link encrypt(links::Link link, const links::ServerKey& key);
// Leaves when nothing sensible comes within ten seconds.
wire::Hello read_hello(links::Link& link);
[[noreturn]] void refuse(links::Link& link, const std::string& reason, int code = 1);
// Sends the welcome with what is granted of the client's wishes; the link for everything after it.
links::Link welcome_client(links::Link link, const wire::Hello& hello, wire::Welcome welcome,
                           const WorkerOptions& options, ReturnPoint* returns, Monitored* monitored,
                           DirectDoor* door = nullptr);

}  // namespace server
