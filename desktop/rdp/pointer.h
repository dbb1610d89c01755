// The pointer's picture to a client (MS-RDPBCGR 2.2.9.1.1.4).
#pragma once
#include "desktop/picture.h"
#include "desktop/rdp/freerdp.h"

namespace desktop::rdp {

class Pointer {
 public:
  explicit Pointer(rdpContext* context) : context_(context) {}
  // On the stream's thread, which alone sends updates outside of channels.
  bool show(const Cursor& cursor);

 private:
  bool show_system(UINT32 kind);
  rdpContext* context_;
};

}  // namespace desktop::rdp
