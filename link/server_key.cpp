#include "link/server_key.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/fd.h"

namespace links {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

base::Error failed(const std::string& what) { return base::Error{what + ": " + std::strerror(errno)}; }

std::string base64url(const uint8_t* bytes, size_t size) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";  // RFC 4648, 5
  std::string text;
  for (size_t i = 0; i < size; i += 3) {
    uint32_t group = bytes[i] << 16 | (i + 1 < size ? bytes[i + 1] << 8 : 0) | (i + 2 < size ? bytes[i + 2] : 0);
    for (size_t j = 0; j < 4 && i * 4 / 3 + j < (size * 4 + 2) / 3; ++j) text += digits[group >> (18 - 6 * j) & 63];
  }
  return text;
}

base::Result<Key> read_key(const std::string& path, int descriptor) {
  struct stat facts {};
  if (fstat(descriptor, &facts) < 0 || (facts.st_mode & 077))
    return base::Error{path + " can be read by others; set its mode to 0600, or remove it for a new key"};
  FILE* file = fdopen(dup(descriptor), "r");
  Key key(file ? PEM_read_PrivateKey(file, nullptr, nullptr, nullptr) : nullptr, EVP_PKEY_free);
  if (file) std::fclose(file);
  if (!key) return base::Error{path + " is no key; remove it for a new one, which every client has to join again"};
  return key;
}

base::Result<Key> fresh_key() {
  Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  if (!key) return base::Error{"no key can be made"};
  return key;
}

// Written beside and moved into place, so that a full disk leaves no half of a key.
base::Result<Key> make_key(const std::string& path) {
  Key key = TRY(fresh_key());
  std::error_code error;
  auto folder = std::filesystem::path(path).parent_path();
  std::filesystem::create_directories(folder, error);
  chmod(folder.c_str(), 0700);
  std::string fresh = path + ".new";
  base::Fd descriptor(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!descriptor.valid()) return failed("cannot write " + fresh);
  FILE* file = fdopen(dup(descriptor.get()), "w");
  bool good = file && PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  good = file && std::fclose(file) == 0 && good && fsync(descriptor.get()) == 0;
  if (!good || rename(fresh.c_str(), path.c_str()) < 0) return failed("cannot write " + path);
  return key;
}

// TLS wants a certificate; what clients know is the key alone.
base::Result<Certificate> certify(const Key& key) {
  Certificate made(X509_new(), X509_free);
  bool good = made && X509_set_version(made.get(), 2) && ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1) &&
              X509_gmtime_adj(X509_getm_notBefore(made.get()), -86400) &&
              X509_gmtime_adj(X509_getm_notAfter(made.get()), 10L * 365 * 86400) &&
              X509_set_pubkey(made.get(), key.get());
  X509_NAME* name = good ? X509_get_subject_name(made.get()) : nullptr;
  good = name &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("outboard"), -1,
                                    -1, 0) &&
         X509_set_issuer_name(made.get(), name) && X509_sign(made.get(), key.get(), EVP_sha256());
  if (!good) return base::Error{"no certificate can be made"};
  return made;
}

}  // namespace

void start_openssl() {
  static const int started = OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, nullptr);
  (void)started;
}

std::string fingerprint_of(X509* certificate) {
  unsigned char* encoded = nullptr;
  int size = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded) : -1;
  if (size <= 0) return {};
  uint8_t hash[SHA256_DIGEST_LENGTH];
  SHA256(encoded, static_cast<size_t>(size), hash);
  OPENSSL_free(encoded);
  return base64url(hash, sizeof hash);
}

std::string ServerKey::default_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state && *state) return std::string(state) + "/outboard/server.key";
  return std::string(home && *home ? home : "/root") + "/.local/state/outboard/server.key";
}

base::Result<ServerKey> ServerKey::load_or_create(const std::string& path) {
  base::Fd there(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!there.valid() && errno != ENOENT) return failed("cannot read " + path);
  return with(there.valid() ? TRY(read_key(path, there.get())) : TRY(make_key(path)));
}

base::Result<ServerKey> ServerKey::create() { return with(TRY(fresh_key())); }

base::Result<ServerKey> ServerKey::with(const std::shared_ptr<EVP_PKEY>& key) {
  start_openssl();
  Certificate certificate = TRY(certify(key));
  ServerKey made;
  made.context_.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX* context = made.context_.get();
  if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
      !SSL_CTX_use_certificate(context, certificate.get()) || !SSL_CTX_use_PrivateKey(context, key.get()))
    return base::Error{"OpenSSL does not take the server's key"};
  SSL_CTX_set_num_tickets(context, 0);  // sessions are resumed by us, not by TLS
  made.fingerprint_ = fingerprint_of(certificate.get());
  return made;
}

}  // namespace links
