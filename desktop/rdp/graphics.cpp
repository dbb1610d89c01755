#include "desktop/rdp/graphics.h"

#include <sys/time.h>

#include "base/log.h"
#include "desktop/encode/colour.h"

namespace desktop::rdp {
namespace {

constexpr UINT16 surface = 1;

// Milliseconds, seconds, minutes and hours of the day (MS-RDPEGFX 2.2.2.11).
UINT32 timestamp() {
  timeval now{};
  gettimeofday(&now, nullptr);
  tm local{};
  gmtime_r(&now.tv_sec, &local);
  return static_cast<UINT32>(local.tm_hour << 22 | local.tm_min << 16 | local.tm_sec << 10 | (now.tv_usec / 1000));
}

// Parts of a picture that are new, on the 16-pixel grid that the coder works in, inside the surface.
std::vector<RECTANGLE_16> regions_of(const Damage& damage, Size size) {
  std::vector<RECTANGLE_16> regions;
  for (const Rectangle& each : damage.rectangles()) {
    const Rectangle wide = clipped(widened(each, coded_size(size)), size);
    regions.push_back({static_cast<UINT16>(wide.x), static_cast<UINT16>(wide.y),
                       static_cast<UINT16>(wide.x + wide.width), static_cast<UINT16>(wide.y + wide.height)});
  }
  return regions;
}

// MS-RDPEGFX 2.2.4.4.2: a quantiser of 6 bits, a quality of 0 to 100, for each region.
std::vector<RDPGFX_H264_QUANT_QUALITY> qualities_of(int quantiser, size_t count) {
  RDPGFX_H264_QUANT_QUALITY one{};
  one.qp = static_cast<BYTE>(quantiser);
  one.qualityVal = static_cast<BYTE>(100 - quantiser);
  one.qpVal = static_cast<BYTE>(quantiser);
  return std::vector<RDPGFX_H264_QUANT_QUALITY>(count, one);
}

struct View {
  View(const Damage& damage, Size size, int quality, std::span<const uint8_t> bytes)
      : regions(regions_of(damage, size)), qualities(qualities_of(quality, regions.size())) {
    stream.meta.numRegionRects = static_cast<UINT32>(regions.size());
    stream.meta.regionRects = regions.data();
    stream.meta.quantQualityVals = qualities.data();
    stream.length = static_cast<UINT32>(bytes.size());
    stream.data = const_cast<BYTE*>(bytes.data());
  }
  std::vector<RECTANGLE_16> regions;
  std::vector<RDPGFX_H264_QUANT_QUALITY> qualities;
  RDPGFX_AVC420_BITMAP_STREAM stream{};
};

// Bytes of a view on the wire: region count, 8 bytes each and 2 for its quality, then H.264 (MS-RDPEGFX 2.2.4.4).
UINT32 wire_size(const RDPGFX_AVC420_BITMAP_STREAM& stream) {
  return 4 + stream.meta.numRegionRects * 10 + stream.length;
}

}  // namespace

// The newest version that both know. H.264: from 10.0 on unless it is disabled, in 8.1 where it is enabled. A thin
// client (AVC_THINCLIENT) may have all of it.
GraphicsCapabilities choose_capabilities(const RDPGFX_CAPSET* sets, size_t count) {
  GraphicsCapabilities best;
  for (size_t i = 0; i < count; ++i) {
    if (sets[i].version > RDPGFX_CAPVERSION_107 || sets[i].version < best.version) continue;
    best.version = sets[i].version;
    best.flags = sets[i].flags;
  }
  if (best.version >= RDPGFX_CAPVERSION_10 && !(best.flags & RDPGFX_CAPS_FLAG_AVC_DISABLED))
    best.h264 = best.full_colour = true;
  if (best.version == RDPGFX_CAPVERSION_81) best.h264 = (best.flags & RDPGFX_CAPS_FLAG_AVC420_ENABLED) != 0;
  return best;
}

Graphics::Graphics(rdpContext* context, HANDLE channels, Callbacks callbacks)
    : pointer_(context), callbacks_(std::move(callbacks)), channel_(rdpgfx_server_context_new(channels)) {
  if (!channel_) return;
  channel_->custom = this;
  channel_->rdpcontext = context;
  channel_->CapsAdvertise = on_capabilities;
  channel_->FrameAcknowledge = on_acknowledge;
  channel_->CacheImportOffer = on_cache_offer;
}

Graphics::~Graphics() {
  if (opened_) channel_->Close(channel_.get());
}

bool Graphics::open() {
  opened_ = channel_ && channel_->Open(channel_.get());
  return opened_;
}

UINT Graphics::on_capabilities(RdpgfxServerContext* channel, const RDPGFX_CAPS_ADVERTISE_PDU* advertised) {
  auto& self = *static_cast<Graphics*>(channel->custom);
  const GraphicsCapabilities chosen = choose_capabilities(advertised->capsSets, advertised->capsSetCount);
  if (chosen.version == 0) return ERROR_UNSUPPORTED_TYPE;
  RDPGFX_CAPSET set{};
  set.version = chosen.version;
  set.length = 4;
  set.flags = chosen.flags;
  RDPGFX_CAPS_CONFIRM_PDU confirm{};
  confirm.capsSet = &set;
  if (channel->CapsConfirm(channel, &confirm) != CHANNEL_RC_OK) return ERROR_INTERNAL_ERROR;
  if (!std::exchange(self.ready_, true)) self.callbacks_.ready(chosen);
  return CHANNEL_RC_OK;
}

UINT Graphics::on_acknowledge(RdpgfxServerContext* channel, const RDPGFX_FRAME_ACKNOWLEDGE_PDU* acknowledged) {
  static_cast<Graphics*>(channel->custom)->callbacks_.acknowledged(acknowledged->frameId, acknowledged->queueDepth);
  return CHANNEL_RC_OK;
}

// Nothing of a client's cache of other sessions is used; it waits for the answer all the same.
UINT Graphics::on_cache_offer(RdpgfxServerContext* channel, const RDPGFX_CACHE_IMPORT_OFFER_PDU*) {
  RDPGFX_CACHE_IMPORT_REPLY_PDU none{};
  return channel->CacheImportReply(channel, &none);
}

bool Graphics::reshape(Size size) {
  if (has_surface_) {
    RDPGFX_DELETE_SURFACE_PDU old{};
    old.surfaceId = surface;
    channel_->DeleteSurface(channel_.get(), &old);
  }
  size_ = size;
  progressive_.reset();
  MONITOR_DEF monitor{};
  monitor.right = size.width - 1;
  monitor.bottom = size.height - 1;
  monitor.flags = MONITOR_PRIMARY;
  RDPGFX_RESET_GRAPHICS_PDU reset{};
  reset.width = static_cast<UINT32>(size.width);
  reset.height = static_cast<UINT32>(size.height);
  reset.monitorCount = 1;
  reset.monitorDefArray = &monitor;
  RDPGFX_CREATE_SURFACE_PDU create{};
  create.surfaceId = surface;
  create.width = static_cast<UINT16>(size.width);
  create.height = static_cast<UINT16>(size.height);
  create.pixelFormat = GFX_PIXEL_FORMAT_XRGB_8888;
  RDPGFX_MAP_SURFACE_TO_OUTPUT_PDU map{};
  map.surfaceId = surface;
  has_surface_ = channel_->ResetGraphics(channel_.get(), &reset) == CHANNEL_RC_OK &&
                 channel_->CreateSurface(channel_.get(), &create) == CHANNEL_RC_OK &&
                 channel_->MapSurfaceToOutput(channel_.get(), &map) == CHANNEL_RC_OK;
  return has_surface_;
}

bool Graphics::send(RDPGFX_SURFACE_COMMAND& command, UINT32 frame) {
  command.surfaceId = surface;
  command.format = PIXEL_FORMAT_BGRX32;
  command.right = command.width = static_cast<UINT32>(size_.width);
  command.bottom = command.height = static_cast<UINT32>(size_.height);
  RDPGFX_START_FRAME_PDU start{};
  start.timestamp = timestamp();
  start.frameId = frame;
  RDPGFX_END_FRAME_PDU end{};
  end.frameId = frame;
  return channel_->SurfaceFrameCommand(channel_.get(), &command, &start, &end) == CHANNEL_RC_OK;
}

bool Graphics::picture(const Picture& picture) {
  return picture.codec == Codec::bitmap ? send_progressive(picture) : send_h264(picture);
}

bool Graphics::send_h264(const Picture& picture) {
  RDPGFX_SURFACE_COMMAND command{};
  View main(picture.damage, size_, picture.quality, picture.main);
  if (picture.codec == Codec::avc420) {
    command.codecId = RDPGFX_CODECID_AVC420;
    command.extra = &main.stream;
    return send(command, picture.id);
  }
  View auxiliary(picture.damage, size_, picture.quality, picture.auxiliary);
  RDPGFX_AVC444_BITMAP_STREAM both{};
  both.cbAvc420EncodedBitstream1 = wire_size(main.stream);
  both.LC = picture.auxiliary.empty() ? 1 : 0;  // 2.2.4.5: both views, or the first alone
  both.bitstream[0] = main.stream;
  both.bitstream[1] = auxiliary.stream;
  command.codecId = RDPGFX_CODECID_AVC444v2;
  command.extra = &both;
  return send(command, picture.id);
}

bool Graphics::send_progressive(const Picture& picture) {
  if (!progressive_) {
    progressive_.reset(progressive_context_new(TRUE));
    if (!progressive_) return false;
  }
  const Frame& frame = *picture.pixels;
  REGION16 region;
  region16_init(&region);
  for (const RECTANGLE_16& each : regions_of(picture.damage, size_)) region16_union_rect(&region, &region, &each);
  RDPGFX_SURFACE_COMMAND command{};
  command.codecId = RDPGFX_CODECID_CAPROGRESSIVE;
#if FREERDP_VERSION_MAJOR >= 3
  const int done = progressive_compress(
#else
  const int done = progressive_compress_ex(
#endif
      progressive_.get(), frame.pixels, static_cast<UINT32>(frame.stride) * static_cast<UINT32>(frame.size.height),
      PIXEL_FORMAT_BGRX32, static_cast<UINT32>(frame.size.width), static_cast<UINT32>(frame.size.height),
      static_cast<UINT32>(frame.stride), &region, &command.data, &command.length);
  region16_uninit(&region);
  if (done < 0) {
    base::log(base::Level::warn, "progressive", {{"why", "FreeRDP's encoder failed"}});
    return false;
  }
  return send(command, picture.id);
}

}  // namespace desktop::rdp
