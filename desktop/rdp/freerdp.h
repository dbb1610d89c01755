// The seam to FreeRDP: its headers, and the few places where generation 2 (Debian 12) and 3 differ.
#pragma once
extern "C" {
#include <freerdp/channels/channels.h>
#include <freerdp/channels/wtsvc.h>
#include <freerdp/codec/progressive.h>
#include <freerdp/codec/region.h>
#include <freerdp/codec/rfx.h>
#include <freerdp/freerdp.h>
#include <freerdp/input.h>
#include <freerdp/peer.h>
#include <freerdp/pointer.h>
#include <freerdp/server/cliprdr.h>
#include <freerdp/server/disp.h>
#include <freerdp/server/rdpgfx.h>
#include <freerdp/server/rdpsnd.h>
#include <freerdp/settings.h>
#include <freerdp/update.h>
#include <freerdp/version.h>
#include <winpr/ntlm.h>
#include <winpr/ssl.h>
#include <winpr/synch.h>
#include <winpr/wlog.h>
#include <winpr/wtsapi.h>
}
#if FREERDP_VERSION_MAJOR >= 3
#include <freerdp/crypto/certificate.h>
#include <freerdp/crypto/privatekey.h>
#endif

#include <string>

namespace desktop::rdp {

#if FREERDP_VERSION_MAJOR >= 3
using KeyCode = UINT8;
using LogonIdentity = const SEC_WINNT_AUTH_IDENTITY;
#else
using KeyCode = UINT16;
using LogonIdentity = SEC_WINNT_AUTH_IDENTITY;
#endif

inline void set_certificate(rdpSettings* settings, const std::string& certificate, const std::string& key) {
#if FREERDP_VERSION_MAJOR >= 3
  freerdp_settings_set_pointer_len(settings, FreeRDP_RdpServerCertificate,
                                   freerdp_certificate_new_from_pem(certificate.c_str()), 1);
  freerdp_settings_set_pointer_len(settings, FreeRDP_RdpServerRsaKey, freerdp_key_new_from_pem(key.c_str()), 1);
#else
  freerdp_settings_set_string(settings, FreeRDP_CertificateContent, certificate.c_str());
  freerdp_settings_set_string(settings, FreeRDP_PrivateKeyContent, key.c_str());
#endif
}

// The library asks for the NTLM hash of whoever wants to enter, instead of reading a file of users.
template <class Callback>
void set_hash_callback(freerdp_peer* peer, Callback callback) {
#if FREERDP_VERSION_MAJOR >= 3
  peer->SspiNtlmHashCallback = callback;
#else
  peer->ComputeNtlmHash = callback;
#endif
}

}  // namespace desktop::rdp
