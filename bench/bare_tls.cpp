// The limit of an encrypted link: a stream through OpenSSL alone, over the same kind of socket, TLS 1.3 and the
// cipher of our link.
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "bench/bare.h"
#include "bench/bench.h"
#include "link/tls.h"

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

double bare_tls_stream_gb_per_s(int connections) {
  std::vector<char> buffer(stream_bytes, 1);
  const size_t part = stream_bytes / static_cast<size_t>(connections);
  std::vector<std::pair<int, int>> pairs;
  for (int i = 0; i < connections; ++i) {
    int pair[2];
    make_pair(true, pair);
    pairs.emplace_back(pair[0], pair[1]);
  }
  // Each connection has a thread on each side, and carries its part of the stream.
  auto on_each = [&](auto work) {
    std::vector<std::thread> threads;
    for (int i = 1; i < connections; ++i) threads.emplace_back(work, i);
    work(0);
    for (std::thread& thread : threads) thread.join();
  };
  pid_t child = fork();
  if (child == 0) {
    for (auto [ours, theirs] : pairs) close(ours);
    SSL_CTX* context = server_context();
    std::fill(buffer.begin(), buffer.end(), 2);
    on_each([&](int i) {
      SSL* peer = over(context, pairs[static_cast<size_t>(i)].second);
      if (SSL_accept(peer) != 1) _exit(1);
      for (char* to = buffer.data() + static_cast<size_t>(i) * part;; write_all(peer, to, 1))
        for (size_t at = 0; at < part; at += piece) read_all(peer, to + at, piece);
    });
  }
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_ciphersuites(context, links::ciphers);
  std::vector<SSL*> peers;
  for (auto [ours, theirs] : pairs) {
    close(theirs);
    peers.push_back(over(context, ours));
    if (SSL_connect(peers.back()) != 1) _exit(1);
  }
  std::vector<double> rates;
  for (int turn = 0; turn < 9; ++turn) {
    double start = seconds();
    on_each([&](int i) {
      SSL* peer = peers[static_cast<size_t>(i)];
      char* from = buffer.data() + static_cast<size_t>(i) * part;
      for (size_t at = 0; at < part; at += piece) write_all(peer, from + at, piece);
      char done;
      read_all(peer, &done, 1);
    });
    rates.push_back(static_cast<double>(stream_bytes) / (seconds() - start) / 1e9);
  }
  for (auto [ours, theirs] : pairs) close(ours);
  waitpid(child, nullptr, 0);
  return median(rates);
}

}  // namespace bench
