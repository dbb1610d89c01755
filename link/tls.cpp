#include "link/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "link/link.h"

namespace links {
namespace {

constexpr size_t record = size_t{16} << 10;       // the most that a TLS record holds (RFC 8446, 5.1)
constexpr size_t read_ahead = size_t{128} << 10;  // bytes that one system call may bring; else it takes two a record

// OpenSSL's own way of writing to a socket raises SIGPIPE, and a program that we live in may not survive that.
int socket_of(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))); }
int send_bytes(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  auto done = static_cast<int>(send(socket_of(bio), bytes, static_cast<size_t>(size), MSG_NOSIGNAL));
  if (done < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return done;
}
int receive_bytes(BIO* bio, char* bytes, int room) {
  BIO_clear_retry_flags(bio);
  auto got = static_cast<int>(recv(socket_of(bio), bytes, static_cast<size_t>(room), 0));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return got;
}
long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH; }

BIO* socket_bio(int socket) {
  static BIO_METHOD* method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals");
    BIO_meth_set_write(made, send_bytes);
    BIO_meth_set_read(made, receive_bytes);
    BIO_meth_set_ctrl(made, control);
    return made;
  }();
  BIO* bio = BIO_new(method);
  if (!bio) return nullptr;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

void do_not_wait(int socket) { fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK); }

SSL_CTX* client_context() {
  static SSL_CTX* made = [] {
    start_openssl();
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    if (!context) return context;
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    // The server takes the first that it has. Keys of 128 bits are what RFC 8446, 9.1 demands of everybody, and a
    // quarter faster than those of 256.
    SSL_CTX_set_ciphersuites(context, links::ciphers);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);  // the key is compared with the fingerprint instead
    return context;
  }();
  return made;
}

}  // namespace

Tls::Tls(base::Fd socket, SSL_CTX* context) : socket_(std::move(socket)), ssl_(SSL_new(context), SSL_free) {
  BIO* bio = socket_bio(socket_.get());
  if (!ssl_ || !bio) {
    BIO_free(bio);
    ssl_.reset();
    return;
  }
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_read_ahead(ssl_.get(), 1);
  SSL_set_default_read_buffer_len(ssl_.get(), read_ahead);
}

base::Result<std::unique_ptr<Channel>> Tls::accept(base::Fd socket, const ServerKey& key) {
  std::unique_ptr<Tls> made(new Tls(std::move(socket), key.context()));
  ERR_clear_error();
  if (!made->ssl_ || SSL_accept(made->ssl_.get()) != 1) return base::Error{"the client does not speak TLS 1.3"};
  made->note_ahead(true);
  do_not_wait(made->descriptor());
  return std::unique_ptr<Channel>(std::move(made));
}

base::Result<std::unique_ptr<Channel>> Tls::connect(base::Fd socket, const std::string& fingerprint) {
  if (!client_context()) return base::Error{"OpenSSL does not start"};
  std::unique_ptr<Tls> made(new Tls(std::move(socket), client_context()));
  ERR_clear_error();
  if (!made->ssl_ || SSL_connect(made->ssl_.get()) != 1)
    return base::Error{"the server does not speak TLS 1.3; does it listen on tls:HOST:PORT?"};
  std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(made->ssl_.get()), X509_free);
  if (fingerprint_of(shown.get()) != fingerprint)
    return base::Error{
        "the server's key is not the one of the join line: somebody may be in between, or the server was set up anew; "
        "ask for a new join line"};
  made->note_ahead(true);
  do_not_wait(made->descriptor());
  return std::unique_ptr<Channel>(std::move(made));
}

// What the last call of SSL comes to, in the terms of a system call.
int Tls::outcome(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return errno = EAGAIN, -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: return errno = EPIPE, -1;
  }
}

// Small pieces go together in one record. A write that had to wait is tried again with the same bytes, as SSL demands,
// because whoever writes keeps what was not taken.
ssize_t Tls::write_now(std::span<iovec> pieces) {
  pieces = after(pieces, 0);
  if (pieces.empty()) return 0;
  std::byte gathered[record];
  const void* from = pieces[0].iov_base;
  size_t size = pieces[0].iov_len;
  if (size < record && pieces.size() > 1) {
    size = 0;
    for (const iovec& piece : pieces) {
      size_t part = std::min(piece.iov_len, sizeof gathered - size);
      std::memcpy(gathered + size, piece.iov_base, part);
      size += part;
    }
    from = gathered;
  }
  std::lock_guard hold(lock_);
  ERR_clear_error();
  int done = SSL_write(ssl_.get(), from, static_cast<int>(std::min<size_t>(size, 1 << 20)));
  return done > 0 ? done : outcome(done) < 0 ? -1 : (errno = EPIPE, -1);
}

// A record that has come in part is pending, too, but only the socket can bring the rest of it.
void Tls::note_ahead(bool came) { ahead_.store(came && SSL_has_pending(ssl_.get()), std::memory_order_release); }

ssize_t Tls::read_now(void* to, size_t room) {
  std::lock_guard hold(lock_);
  ERR_clear_error();
  auto* place = static_cast<std::byte*>(to);
  int got = 0;
  do {
    got = SSL_read(ssl_.get(), place, static_cast<int>(std::min<size_t>(room, 1 << 30)));
    if (got > 0) place += got, room -= static_cast<size_t>(got);
  } while (got > 0 && room && SSL_has_pending(ssl_.get()));
  note_ahead(got > 0);
  return place != to ? place - static_cast<std::byte*>(to) : outcome(got);
}

Ready Tls::wait(bool reading, bool writing, int milliseconds) {
  if (reading && holds_bytes()) return {true, false};
  pollfd both{socket_.get(), static_cast<short>((reading ? POLLIN : 0) | (writing ? POLLOUT : 0)), 0};
  if (poll(&both, 1, milliseconds) <= 0) return {};
  bool broken = both.revents & (POLLHUP | POLLERR);
  return {reading && (broken || both.revents & POLLIN), writing && (broken || both.revents & POLLOUT)};
}

}  // namespace links
