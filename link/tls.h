// An encrypted connection: TLS 1.3 over a socket. The server proves itself with its key, the client with a token in its
// hello.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "link/channel.h"
#include "link/server_key.h"

namespace links {

inline constexpr char ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

class Tls final : public Channel {
 public:
  // Both shake hands, which takes no longer than the socket's time limits allow (limit_waits), and leave the socket
  // without waiting.
  static base::Result<std::unique_ptr<Channel>> accept(base::Fd socket, const ServerKey& key);
  static base::Result<std::unique_ptr<Channel>> connect(base::Fd socket, const std::string& fingerprint);

  ssize_t write_now(std::span<iovec> pieces) override;
  ssize_t read_now(void* to, size_t room) override;
  Ready wait(bool reading, bool writing, int milliseconds) override;
  bool holds_bytes() override { return ahead_.load(std::memory_order_acquire); }
  int descriptor() const override { return socket_.get(); }

 private:
  Tls(base::Fd socket, SSL_CTX* context);
  int outcome(int result);
  void note_ahead(bool came);

  base::Fd socket_;
  std::mutex lock_;                 // an SSL object serves one thread at a time
  std::atomic<bool> ahead_{false};  // OpenSSL may hold more than was asked for
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

}  // namespace links
