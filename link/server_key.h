// The key that a server proves itself with, and how clients know it: by the fingerprint in the line they joined with.
#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace links {

class ServerKey {
 public:
  // Reads the key, or makes one at the first start: a file of mode 0600. A file that others can read is refused.
  static base::Result<ServerKey> load_or_create(const std::string& path);
  // One that is never written down, for as long as this process lives.
  static base::Result<ServerKey> create();
  // server.key in $XDG_STATE_HOME/outboard or ~/.local/state/outboard.
  static std::string default_path();

  // base64url of SHA-256 of the public key (its SubjectPublicKeyInfo), 43 characters.
  const std::string& fingerprint() const { return fingerprint_; }
  SSL_CTX* context() const { return context_.get(); }

 private:
  static base::Result<ServerKey> with(const std::shared_ptr<EVP_PKEY>& key);

  std::shared_ptr<SSL_CTX> context_;
  std::string fingerprint_;
};

// The fingerprint of a certificate's key; empty when it cannot be told.
std::string fingerprint_of(X509* certificate);
// OpenSSL, started without exit handlers: it may live in other people's processes.
void start_openssl();

}  // namespace links
