// Pictures to a client without the graphics pipeline: RemoteFX tiles as surface bits, or planar bitmaps.
#pragma once
#include <functional>
#include <memory>

#include "desktop/rdp/freerdp.h"
#include "desktop/rdp/pointer.h"
#include "desktop/stream.h"

namespace desktop::rdp {

class Bitmaps : public PictureSink {
 public:
  struct Callbacks {
    std::function<bool(Size)> resize;         // renegotiates the desktop's size; returns when it is done
    std::function<void(UINT32)> acknowledge;  // for clients that do not do so themselves
  };
  Bitmaps(rdpContext* context, Callbacks callbacks);
  ~Bitmaps() override;
  // A sentence when this client can be shown nothing.
  static base::Status suits(rdpSettings* settings);
  const char* codec() const { return remotefx_ ? "RemoteFX" : "planar"; }

  bool reshape(Size size) override;
  bool picture(const Picture& picture) override;
  bool cursor(const Cursor& cursor) override { return pointer_.show(cursor); }

 private:
  bool send_remotefx(const Frame& frame, const Rectangle& band);
  bool send_planar(const Frame& frame, const Rectangle& tile);
  bool mark(UINT32 frame, bool begin);

  rdpContext* context_;
  Pointer pointer_;
  Callbacks callbacks_;
  RFX_CONTEXT* remotefx_ = nullptr;
  BITMAP_PLANAR_CONTEXT* planar_ = nullptr;
  wStream* stream_ = nullptr;
  bool acknowledges_ = false;
};

}  // namespace desktop::rdp
