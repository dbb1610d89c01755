#include "desktop/rdp/bitmaps.h"

extern "C" {
#include <freerdp/codec/planar.h>
}

#include "desktop/encode/colour.h"

namespace desktop::rdp {
namespace {

constexpr int side = 64;

// Calls for each piece of the area that is at most this large.
template <class Use>
bool in_pieces(const Rectangle& area, int width, int height, const Use& use) {
  for (int y = area.y; y < area.y + area.height; y += height)
    for (int x = area.x; x < area.x + area.width; x += width) {
      const Rectangle piece{x, y, std::min(width, area.x + area.width - x), std::min(height, area.y + area.height - y)};
      if (!use(piece)) return false;
    }
  return true;
}

}  // namespace

base::Status Bitmaps::suits(rdpSettings* settings) {
  if (freerdp_settings_get_bool(settings, FreeRDP_RemoteFxCodec) &&
      freerdp_settings_get_bool(settings, FreeRDP_SurfaceCommandsEnabled))
    return base::Done{};
  if (freerdp_settings_get_uint32(settings, FreeRDP_ColorDepth) == 32) return base::Done{};
  return base::Error{
      "this client takes neither the graphics pipeline, RemoteFX nor 32 bits a pixel; choose the highest colour depth "
      "in its "
      "settings"};
}

Bitmaps::Bitmaps(rdpContext* context, Callbacks callbacks)
    : context_(context), pointer_(context), callbacks_(std::move(callbacks)), stream_(Stream_New(nullptr, 1 << 16)) {
  rdpSettings* settings = context->settings;
  const bool surfaces = freerdp_settings_get_bool(settings, FreeRDP_SurfaceCommandsEnabled);
  acknowledges_ = surfaces && freerdp_settings_get_bool(settings, FreeRDP_SurfaceFrameMarkerEnabled) &&
                  freerdp_settings_get_uint32(settings, FreeRDP_FrameAcknowledge) > 0;
  if (surfaces && freerdp_settings_get_bool(settings, FreeRDP_RemoteFxCodec)) {
#if FREERDP_VERSION_MAJOR >= 3
    remotefx_ = rfx_context_new_ex(TRUE, 1);  // no threads of its own
#else
    remotefx_ = rfx_context_new(TRUE);
#endif
    rfx_context_set_pixel_format(remotefx_, PIXEL_FORMAT_BGRX32);
  }
}

Bitmaps::~Bitmaps() {
  if (remotefx_) rfx_context_free(remotefx_);
  if (planar_) freerdp_bitmap_planar_context_free(planar_);
  Stream_Free(stream_, TRUE);
}

bool Bitmaps::reshape(Size size) {
  rdpSettings* settings = context_->settings;
  const Size now{static_cast<int>(freerdp_settings_get_uint32(settings, FreeRDP_DesktopWidth)),
                 static_cast<int>(freerdp_settings_get_uint32(settings, FreeRDP_DesktopHeight))};
  if (!(now == size) && !callbacks_.resize(size)) return false;
  if (remotefx_) return rfx_context_reset(remotefx_, static_cast<UINT32>(size.width), static_cast<UINT32>(size.height));
  if (planar_) freerdp_bitmap_planar_context_free(planar_);
  DWORD flags = PLANAR_FORMAT_HEADER_RLE;
  if (freerdp_settings_get_bool(settings, FreeRDP_DrawAllowSkipAlpha)) flags |= PLANAR_FORMAT_HEADER_NA;
  planar_ = freerdp_bitmap_planar_context_new(flags, side, side);
  return planar_ != nullptr;
}

bool Bitmaps::mark(UINT32 frame, bool begin) {
  if (!acknowledges_) return true;
  SURFACE_FRAME_MARKER marker{};
  marker.frameAction = begin ? SURFACECMD_FRAMEACTION_BEGIN : SURFACECMD_FRAMEACTION_END;
  marker.frameId = frame;
  return context_->update->SurfaceFrameMarker(context_, &marker);
}

bool Bitmaps::picture(const Picture& picture) {
  const Frame& frame = *picture.pixels;
  if (!mark(picture.id, true)) return false;
  for (const Rectangle& each : picture.damage.rectangles()) {
    const Rectangle area = clipped(widened(each, coded_size(frame.size)), frame.size);
    const bool sent =
        remotefx_
            ? in_pieces(area, frame.size.width, side, [&](const Rectangle& band) { return send_remotefx(frame, band); })
            : in_pieces(area, side, side, [&](const Rectangle& tile) { return send_planar(frame, tile); });
    if (!sent) return false;
  }
  if (!mark(picture.id, false)) return false;
  if (!acknowledges_) callbacks_.acknowledge(picture.id);  // what was written has left: the socket holds little
  return true;
}

bool Bitmaps::send_remotefx(const Frame& frame, const Rectangle& band) {
  RFX_RECT rectangle{static_cast<UINT16>(band.x), static_cast<UINT16>(band.y), static_cast<UINT16>(band.width),
                     static_cast<UINT16>(band.height)};
  RFX_MESSAGE* message =
      rfx_encode_message(remotefx_, &rectangle, 1, frame.pixels, static_cast<UINT32>(frame.size.width),
                         static_cast<UINT32>(frame.size.height), static_cast<UINT32>(frame.stride));
  if (!message) return false;
  Stream_SetPosition(stream_, 0);
  const bool written = rfx_write_message(remotefx_, stream_, message);
  rfx_message_free(remotefx_, message);
  if (!written) return false;
  SURFACE_BITS_COMMAND command{};
  command.cmdType = CMDTYPE_STREAM_SURFACE_BITS;
  command.bmp.codecID = static_cast<UINT16>(freerdp_settings_get_uint32(context_->settings, FreeRDP_RemoteFxCodecId));
  command.destRight = static_cast<UINT32>(frame.size.width);
  command.destBottom = static_cast<UINT32>(frame.size.height);
  command.bmp.bpp = 32;
  command.bmp.width = static_cast<UINT16>(frame.size.width);
  command.bmp.height = static_cast<UINT16>(frame.size.height);
  command.bmp.bitmapDataLength = static_cast<UINT32>(Stream_GetPosition(stream_));
  command.bmp.bitmapData = Stream_Buffer(stream_);
  command.skipCompression = TRUE;
  return context_->update->SurfaceBits(context_, &command);
}

// One rectangle an update: some clients paint only the first of several.
bool Bitmaps::send_planar(const Frame& frame, const Rectangle& tile) {
  const int width = (tile.width + 3) & ~3;  // widths are multiples of four (MS-RDPBCGR 2.2.9.1.1.3.1.2.2)
  const int x = std::max(0, std::min(tile.x, frame.size.width - width));
  UINT32 size = 0;
  BYTE* bytes = freerdp_bitmap_compress_planar(
      planar_, frame.row(tile.y) + static_cast<size_t>(x) * 4, PIXEL_FORMAT_BGRX32, static_cast<UINT32>(width),
      static_cast<UINT32>(tile.height), static_cast<UINT32>(frame.stride), nullptr, &size);
  if (!bytes) return false;
  BITMAP_DATA bitmap{};
  bitmap.destLeft = static_cast<UINT32>(x);
  bitmap.destTop = static_cast<UINT32>(tile.y);
  bitmap.destRight = static_cast<UINT32>(x + width - 1);
  bitmap.destBottom = static_cast<UINT32>(tile.y + tile.height - 1);
  bitmap.width = static_cast<UINT32>(width);
  bitmap.height = static_cast<UINT32>(tile.height);
  bitmap.bitsPerPixel = 32;
  bitmap.compressed = TRUE;
  bitmap.bitmapDataStream = bytes;
  bitmap.bitmapLength = size;
  bitmap.cbCompFirstRowSize = 0;
  bitmap.cbCompMainBodySize = size;
  bitmap.cbScanWidth = static_cast<UINT32>(width) * 4;
  bitmap.cbUncompressedSize = static_cast<UINT32>(width * tile.height) * 4;
  BITMAP_UPDATE update{};
  update.number = 1;
  update.rectangles = &bitmap;
  update.skipCompression = TRUE;
  const bool sent = context_->update->BitmapUpdate(context_, &update);
  std::free(bytes);
  return sent;
}

}  // namespace desktop::rdp
