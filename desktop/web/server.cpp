// The page over libwebsockets: one thread that polls, which gives out files, takes tokens, and carries messages between
// browsers and their viewers. It listens on a socket that was made before.
#include <libwebsockets.h>
#include <sys/socket.h>

#include <cerrno>
#include <future>
#include <map>

#include "base/log.h"
#include "desktop/service.h"
#include "desktop/session.h"
#include "desktop/web/doorkeeper.h"
#include "desktop/web/page_files.h"
#include "desktop/web/viewer.h"

namespace desktop::web {

namespace {

constexpr size_t most_viewers = 8, most_connections = 48, longest_header = 4096, longest_body = 512;

// One request, between its header and its body's end. The library makes it of zeros.
struct Exchange {
  char body[longest_body];
  size_t size;
  bool enters;
};

int on_http(lws* connection, lws_callback_reasons reason, void* user, void* data, size_t size);
int on_desktop(lws* connection, lws_callback_reasons reason, void* user, void* data, size_t size);
int on_listener(lws* connection, lws_callback_reasons reason, void* user, void* data, size_t size);

const lws_protocols protocols[] = {{"http", on_http, sizeof(Exchange), longest_body, 0, nullptr, 0},
                                   {"outboard-desktop", on_desktop, 0, 1 << 16, 0, nullptr, 0},
                                   {"listener", on_listener, 0, 0, 0, nullptr, 0},
                                   {nullptr, nullptr, 0, 0, 0, nullptr, 0}};

std::string header(lws* connection, lws_token_indexes which) {
  char text[longest_header];
  const int size = lws_hdr_copy(connection, text, sizeof text, which);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

class WebServer final : public Service {
 public:
  explicit WebServer(Session& session) : session_(session), doorkeeper_(session.credentials()) {}
  ~WebServer() override {
    ending_ = true;
    if (context_) lws_cancel_service(context_);
    if (thread_.joinable()) thread_.join();
    if (context_) lws_context_destroy(context_);  // closes what is open
    viewers_.clear();
  }

  base::Status start(base::Fd listener) {
    lws_set_log_level(LLL_ERR, [](int, const char* line) { base::log(base::Level::warn, "web", {{"library", line}}); });
    lws_context_creation_info info{};
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    info.user = this;
    info.gid = static_cast<gid_t>(-1);
    info.uid = static_cast<uid_t>(-1);
    info.max_http_header_data = longest_header;
    info.max_http_header_pool = most_connections;
    info.timeout_secs = 10;
    info.keepalive_timeout = 20;
    info.options = LWS_SERVER_OPTION_DISABLE_IPV6;
    context_ = lws_create_context(&info);
    vhost_ = context_ ? lws_get_vhost_by_name(context_, "default") : nullptr;
    if (!vhost_) return base::Error{"the page cannot be served: libwebsockets does not start"};
    lws_sock_file_fd_type descriptor{};
    descriptor.filefd = listener.get();
    if (!lws_adopt_descriptor_vhost(vhost_, LWS_ADOPT_RAW_FILE_DESC, descriptor, "listener", nullptr))
      return base::Error{"the page cannot be served: its socket was not taken"};
    listener.release();  // the library closes it
    thread_ = std::thread([this] {
      while (!ending_ && lws_service(context_, 0) >= 0) {
      }
    });
    return base::Done{};
  }

  Doorkeeper& doorkeeper() { return doorkeeper_; }

  void accept(int listener) {
    const int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) return;
    if (connections_ >= most_connections)
      close(socket);
    else
      lws_adopt_socket_vhost(vhost_, socket);  // closes it when it fails
  }
  void counted(int change) { connections_ += static_cast<size_t>(change); }

  // Whether this request may become a viewer.
  bool lets_in(lws* connection) {
    if (viewers_.size() >= most_viewers) return false;
    return Doorkeeper::is_ours(header(connection, WSI_TOKEN_HOST), header(connection, WSI_TOKEN_ORIGIN)) &&
           !header(connection, WSI_TOKEN_ORIGIN).empty() &&
           doorkeeper_.knows(header(connection, WSI_TOKEN_HTTP_COOKIE));
  }
  void came(lws* connection) {
    const std::string browser = header(connection, WSI_TOKEN_HTTP_USER_AGENT).substr(0, 200);
    auto& seat = viewers_[connection];
    seat.viewer = std::make_unique<WebViewer>(session_, browser, LWS_PRE, [this] { lws_cancel_service(context_); });
    lws_callback_on_writable(connection);
  }
  // A viewer may wait for a clipboard when it ends: not on this thread.
  void left(lws* connection) {
    auto found = viewers_.find(connection);
    if (found == viewers_.end()) return;
    std::erase_if(leaving_,
                  [](auto& each) { return each.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
    leaving_.push_back(
        std::async(std::launch::async, [viewer = std::move(found->second.viewer)]() mutable { viewer.reset(); }));
    viewers_.erase(found);
  }
  // False: close.
  bool received(lws* connection, const uint8_t* bytes, size_t size) {
    auto& seat = viewers_[connection];
    if (seat.arriving.size() + size > most_from_page) return false;
    seat.arriving.insert(seat.arriving.end(), bytes, bytes + size);
    if (lws_remaining_packet_payload(connection) || !lws_is_final_fragment(connection)) return true;
    const bool understood = seat.viewer->receive(seat.arriving);
    seat.arriving.clear();
    return understood;
  }
  bool send_next(lws* connection) {
    WebViewer& viewer = *viewers_[connection].viewer;
    Message message;
    if (!viewer.take(message)) return !viewer.over();
    const size_t size = message.bytes.size() - LWS_PRE;
    const auto kind = message.text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
    if (lws_write(connection, message.bytes.data() + LWS_PRE, size, kind) < 0) return false;
    lws_callback_on_writable(connection);
    return true;
  }
  void wake_all() {
    for (auto& [connection, seat] : viewers_) lws_callback_on_writable(connection);
  }

 private:
  struct Seat {
    std::unique_ptr<WebViewer> viewer;
    std::vector<uint8_t> arriving;  // a message in pieces
  };

  Session& session_;
  Doorkeeper doorkeeper_;
  lws_context* context_ = nullptr;
  lws_vhost* vhost_ = nullptr;
  std::atomic<bool> ending_{false};
  std::map<lws*, Seat> viewers_;  // by the server's thread alone, and after it
  std::vector<std::future<void>> leaving_;
  size_t connections_ = 0;
  std::thread thread_;
};

WebServer& server_of(lws* connection) {
  return *static_cast<WebServer*>(lws_context_user(lws_get_context(connection)));
}

// Nothing else than this page's own files; nobody may put it into a frame of his.
constexpr std::pair<const char*, const char*> safety[] = {
    {"Content-Security-Policy:",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
     "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    {"X-Content-Type-Options:", "nosniff"},
    {"Referrer-Policy:", "no-referrer"},
    {"Cross-Origin-Resource-Policy:", "same-origin"},
    {"Cache-Control:", "no-store"}};

// For the callback: 0 goes on, -1 closes.
int respond(lws* connection, unsigned status, std::string_view type, std::string_view text,
            const std::string& cookie = {}) {
  std::vector<uint8_t> head(LWS_PRE + 2048);
  uint8_t *start = head.data() + LWS_PRE, *at = start, *end = head.data() + head.size();
  auto add = [&](const char* name, const std::string& value) {
    return lws_add_http_header_by_name(connection, reinterpret_cast<const uint8_t*>(name),
                                       reinterpret_cast<const uint8_t*>(value.data()), static_cast<int>(value.size()),
                                       &at, end) == 0;
  };
  bool room = lws_add_http_common_headers(connection, status, std::string(type).c_str(), text.size(), &at, end) == 0;
  for (const auto& [name, value] : safety) room = room && add(name, value);
  if (!cookie.empty()) room = room && add("Set-Cookie:", cookie);
  if (!room || lws_finalize_write_http_header(connection, start, &at, end)) return -1;
  std::vector<uint8_t> body(LWS_PRE + text.size());
  std::copy(text.begin(), text.end(), body.begin() + LWS_PRE);
  if (lws_write(connection, body.data() + LWS_PRE, text.size(), LWS_WRITE_HTTP_FINAL) < 0) return -1;
  return lws_http_transaction_completed(connection) ? -1 : 0;
}

int refuse(lws* connection, unsigned status, std::string_view reason) {
  return respond(connection, status, "text/plain; charset=utf-8", reason);
}

int begin_request(lws* connection, Exchange& exchange, std::string_view path) {
  exchange = {};
  const bool posts = lws_hdr_total_length(connection, WSI_TOKEN_POST_URI) > 0;
  if (!Doorkeeper::is_ours(header(connection, WSI_TOKEN_HOST), header(connection, WSI_TOKEN_ORIGIN)))
    return refuse(connection, 403, "This page is for 127.0.0.1 alone.\n");
  if (posts && path == "/enter") {
    exchange.enters = true;
    return 0;  // its body comes
  }
  if (posts || !lws_hdr_total_length(connection, WSI_TOKEN_GET_URI)) return refuse(connection, 405, "Not here.\n");
  for (const PageFile& file : page_files)
    if (path == file.path) return respond(connection, 200, file.type, file.text);
  return refuse(connection, 404, "There is no such page.\n");
}

int enter(lws* connection, Exchange& exchange) {
  std::string cookie;
  auto answer = server_of(connection).doorkeeper().enter(std::string(exchange.body, exchange.size), cookie);
  if (answer == Doorkeeper::Answer::entered) return respond(connection, 200, "text/plain", "ok\n", cookie);
  if (answer == Doorkeeper::Answer::later)
    return refuse(connection, 429, "Too many wrong addresses were tried; wait half a minute.\n");
  return refuse(connection, 403,
                "This address is not good, or was used before. outboard desktop open gives another.\n");
}

int on_http(lws* connection, lws_callback_reasons reason, void* user, void* data, size_t size) {
  auto* exchange = static_cast<Exchange*>(user);
  switch (reason) {
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED: server_of(connection).wake_all(); break;
    case LWS_CALLBACK_WSI_CREATE: server_of(connection).counted(1); break;
    case LWS_CALLBACK_WSI_DESTROY: server_of(connection).counted(-1); break;
    case LWS_CALLBACK_HTTP: return begin_request(connection, *exchange, {static_cast<char*>(data), size});
    case LWS_CALLBACK_HTTP_BODY:
      if (!exchange->enters || exchange->size + size > sizeof exchange->body) return -1;
      std::copy_n(static_cast<char*>(data), size, exchange->body + exchange->size);
      exchange->size += size;
      break;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: return exchange->enters ? enter(connection, *exchange) : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE: break;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: break;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return -1;  // a WebSocket of no protocol of ours
    default: break;
  }
  return 0;
}

int on_desktop(lws* connection, lws_callback_reasons reason, void*, void* data, size_t size) {
  switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return server_of(connection).lets_in(connection) ? 0 : -1;
    case LWS_CALLBACK_ESTABLISHED: server_of(connection).came(connection); break;
    case LWS_CALLBACK_RECEIVE:
      return server_of(connection).received(connection, static_cast<uint8_t*>(data), size) ? 0 : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE: return server_of(connection).send_next(connection) ? 0 : -1;
    case LWS_CALLBACK_CLOSED: server_of(connection).left(connection); break;
    default: break;
  }
  return 0;
}

int on_listener(lws* connection, lws_callback_reasons reason, void*, void*, size_t) {
  if (reason == LWS_CALLBACK_RAW_RX_FILE) server_of(connection).accept(lws_get_socket_fd(connection));
  return 0;
}

}  // namespace

}  // namespace desktop::web

namespace desktop {

base::Result<std::unique_ptr<Service>> serve_web(Session& session, base::Fd listener) {
  auto server = std::make_unique<web::WebServer>(session);
  TRY(server->start(std::move(listener)));
  return std::unique_ptr<Service>(std::move(server));
}

}  // namespace desktop
