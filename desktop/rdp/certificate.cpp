#include "desktop/rdp/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <memory>

namespace desktop::rdp {
namespace {

template <auto function>
struct Freed {
  template <class T>
  void operator()(T* it) const {
    function(it);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using X509Pointer = std::unique_ptr<X509, Freed<X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

bool describe(X509* certificate, EVP_PKEY* key) {
  uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -24 * 3600);  // clocks differ
  X509_gmtime_adj(X509_getm_notAfter(certificate), 60L * 24 * 3600);
  X509_NAME* name = X509_get_subject_name(certificate);
  char host[256] = "outboard";
  gethostname(host, sizeof host - 1);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<unsigned char*>(host), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  return X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string fingerprint_of(X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), digest, &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    char two[4];
    std::snprintf(two, sizeof two, "%s%02x", i ? ":" : "", digest[i]);
    text += two;
  }
  return text;
}

}  // namespace

// RSA, because old clients take nothing else.
base::Result<Certificate> make_certificate() {
  Key key(EVP_RSA_gen(2048));
  X509Pointer certificate(X509_new());
  if (!key || !certificate || !describe(certificate.get(), key.get()))
    return base::Error{"OpenSSL makes no key for the session"};
  Bio certificate_text(BIO_new(BIO_s_mem())), key_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_text.get(), certificate.get());
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return Certificate{text_of(certificate_text.get()), text_of(key_text.get()), fingerprint_of(certificate.get())};
}

}  // namespace desktop::rdp
