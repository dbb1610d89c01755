// The limit of an encrypted link: one stream through OpenSSL alone, over the same kind of socket, TLS 1.3 and the
// cipher that the two sides choose by themselves, as our link does.
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

#include "bench/bare.h"
#include "bench/bench.h"

namespace bench {
namespace {

// A key and a certificate for this run alone.
SSL_CTX* server_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

void read_all(SSL* from, char* to, size_t size) {
  while (size) {
    int got = SSL_read(from, to, static_cast<int>(size));
    if (got <= 0) _exit(0);
    to += got;
    size -= static_cast<size_t>(got);
  }
}

void write_all(SSL* to, const char* from, size_t size) {
  if (SSL_write(to, from, static_cast<int>(size)) <= 0) _exit(0);
}

SSL* over(SSL_CTX* context, int fd) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL* made = SSL_new(context);
  SSL_set_fd(made, fd);
  return made;
}

}  // namespace

double bare_tls_stream_gb_per_s() {
  std::vector<char> buffer(stream_bytes, 1);
  return between_processes(
      true,
      [&](int fd) {
        SSL* peer = over(server_context(), fd);
        if (SSL_accept(peer) != 1) _exit(1);
        std::fill(buffer.begin(), buffer.end(), 2);
        for (;;) {
          for (size_t at = 0; at < stream_bytes; at += piece) read_all(peer, buffer.data() + at, piece);
          write_all(peer, buffer.data(), 1);
        }
      },
      [&](int fd) {
        SSL* peer = over(SSL_CTX_new(TLS_client_method()), fd);
        if (SSL_connect(peer) != 1) _exit(1);
        std::vector<double> rates;
        for (int i = 0; i < 9; ++i) {
          double start = seconds();
          for (size_t at = 0; at < stream_bytes; at += piece) write_all(peer, buffer.data() + at, piece);
          read_all(peer, buffer.data(), 1);
          rates.push_back(static_cast<double>(stream_bytes) / (seconds() - start) / 1e9);
        }
        return median(rates);
      });
}

}  // namespace bench
