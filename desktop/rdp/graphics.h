// Pictures by the graphics pipeline (MS-RDPEGFX): AVC420, AVC444v2, or RemoteFX progressive for clients without H.264.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "desktop/rdp/freerdp.h"
#include "desktop/rdp/pointer.h"
#include "desktop/stream.h"

namespace desktop::rdp {

// What a client said it takes; a codec, or none.
struct GraphicsCapabilities {
  UINT32 version = 0, flags = 0;
  bool h264 = false, full_colour = false;
};
GraphicsCapabilities choose_capabilities(const RDPGFX_CAPSET* sets, size_t count);

class Graphics : public PictureSink {
 public:
  // `ready` is called once, on the channel's thread, when pictures may be sent; `acknowledged` for every frame.
  struct Callbacks {
    std::function<void(const GraphicsCapabilities&)> ready;
    std::function<void(UINT32 frame, UINT32 queue_depth)> acknowledged;
  };
  Graphics(rdpContext* context, HANDLE channels, Callbacks callbacks);
  ~Graphics() override;
  bool open();

  bool reshape(Size size) override;
  bool picture(const Picture& picture) override;
  bool cursor(const Cursor& cursor) override { return pointer_.show(cursor); }

 private:
  static UINT on_capabilities(RdpgfxServerContext* channel, const RDPGFX_CAPS_ADVERTISE_PDU* advertised);
  static UINT on_acknowledge(RdpgfxServerContext* channel, const RDPGFX_FRAME_ACKNOWLEDGE_PDU* acknowledged);
  static UINT on_cache_offer(RdpgfxServerContext* channel, const RDPGFX_CACHE_IMPORT_OFFER_PDU* offer);
  bool send(RDPGFX_SURFACE_COMMAND& command, UINT32 frame);
  bool send_h264(const Picture& picture);
  bool send_progressive(const Picture& picture);

  struct FreeChannel {
    void operator()(RdpgfxServerContext* channel) const { rdpgfx_server_context_free(channel); }
  };
  struct FreeProgressive {
    void operator()(PROGRESSIVE_CONTEXT* codec) const { progressive_context_free(codec); }
  };
  Pointer pointer_;
  Callbacks callbacks_;
  std::unique_ptr<RdpgfxServerContext, FreeChannel> channel_;
  std::unique_ptr<PROGRESSIVE_CONTEXT, FreeProgressive> progressive_;
  bool ready_ = false, opened_ = false;
  bool has_surface_ = false;
  Size size_;
};

}  // namespace desktop::rdp
