#include "desktop/encode/libavcodec.h"

#include <dlfcn.h>

#include <cstring>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>
}

namespace desktop {
namespace {

// The functions by the header's own types, so that a call is checked like a linked one.
#define OUTBOARD_CODEC_FUNCTIONS(each)                                                                           \
  each(avcodec_find_encoder_by_name) each(avcodec_alloc_context3) each(avcodec_free_context) each(avcodec_open2) \
      each(avcodec_send_frame) each(avcodec_receive_packet) each(av_packet_alloc) each(av_packet_free)           \
          each(av_packet_unref)
#define OUTBOARD_UTIL_FUNCTIONS(each)                                                                          \
  each(av_frame_alloc) each(av_frame_free) each(av_frame_get_buffer) each(av_frame_unref) each(av_opt_set)     \
      each(av_strerror) each(av_hwdevice_ctx_create) each(av_hwframe_ctx_alloc) each(av_hwframe_ctx_init)      \
          each(av_hwframe_get_buffer) each(av_hwframe_transfer_data) each(av_buffer_ref) each(av_buffer_unref) \
              each(av_log_set_level)

struct Library {
#define OUTBOARD_DECLARE(name) decltype(&::name) name = nullptr;
  OUTBOARD_CODEC_FUNCTIONS(OUTBOARD_DECLARE)
  OUTBOARD_UTIL_FUNCTIONS(OUTBOARD_DECLARE)
#undef OUTBOARD_DECLARE
  std::string missing;
};

Library load() {
  Library library;
  const std::string codec_name = "libavcodec.so." + std::to_string(LIBAVCODEC_VERSION_MAJOR);
  const std::string util_name = "libavutil.so." + std::to_string(LIBAVUTIL_VERSION_MAJOR);
  void* codec = dlopen(codec_name.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* util = codec ? dlopen(util_name.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (!codec || !util) {
    library.missing = codec_name + " is not installed";
    return library;
  }
#define OUTBOARD_FIND(handle, name)                                              \
  library.name = reinterpret_cast<decltype(library.name)>(dlsym(handle, #name)); \
  if (!library.name) library.missing = codec_name + " lacks " #name;
#define OUTBOARD_FIND_CODEC(name) OUTBOARD_FIND(codec, name)
#define OUTBOARD_FIND_UTIL(name) OUTBOARD_FIND(util, name)
  OUTBOARD_CODEC_FUNCTIONS(OUTBOARD_FIND_CODEC)
  OUTBOARD_UTIL_FUNCTIONS(OUTBOARD_FIND_UTIL)
  if (library.missing.empty()) library.av_log_set_level(AV_LOG_QUIET);
  return library;
}

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

std::string explain(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = "";
  library().av_strerror(error, text, sizeof text);
  return text;
}

// What each encoder is told so that every picture comes out at once and is as small as its speed allows.
struct Kind {
  const char* name;
  Layout layout;
  bool hardware;
  bool changes_quality;
  const char* quality_option;
  std::vector<std::pair<const char*, const char*>> options;
};
const Kind kinds[] = {
    {"h264_nvenc",
     Layout::nv12,
     true,
     false,
     "qp",
     {{"preset", "p2"}, {"tune", "ull"}, {"rc", "constqp"}, {"delay", "0"}, {"zerolatency", "1"}, {"forced-idr", "1"}}},
    {"h264_vaapi", Layout::nv12, true, false, "qp", {{"rc_mode", "CQP"}, {"async_depth", "1"}, {"idr_interval", "0"}}},
    {"libx264",
     Layout::i420,
     false,
     true,
     "crf",
     {{"preset", "ultrafast"}, {"tune", "zerolatency"}, {"forced-idr", "1"}}},
};

struct FreeContext {
  void operator()(AVCodecContext* it) const { library().avcodec_free_context(&it); }
};
struct FreeFrame {
  void operator()(AVFrame* it) const { library().av_frame_free(&it); }
};
struct FreePacket {
  void operator()(AVPacket* it) const { library().av_packet_free(&it); }
};
struct FreeBuffer {
  void operator()(AVBufferRef* it) const { library().av_buffer_unref(&it); }
};

class LibavcodecEncoder : public Encoder {
 public:
  explicit LibavcodecEncoder(const Kind& kind) : kind_(kind) {}
  base::Status open(const EncoderSettings& settings);
  const char* name() const override { return kind_.name; }
  bool hardware() const override { return kind_.hardware; }
  Layout layout() const override { return kind_.layout; }
  base::Result<Encoded> encode(const Planes& picture, bool force_key) override;
  void set_quality(int quantiser) override;

 private:
  base::Status open_vaapi();
  base::Result<AVFrame*> prepare(const Planes& picture);
  base::Error failed(const char* what, int error) const {
    return base::Error{std::string(kind_.name) + " " + what + ": " + explain(error)};
  }

  const Kind& kind_;
  std::unique_ptr<AVBufferRef, FreeBuffer> device_, pool_;
  std::unique_ptr<AVCodecContext, FreeContext> context_;
  std::unique_ptr<AVFrame, FreeFrame> frame_, uploaded_;
  std::unique_ptr<AVPacket, FreePacket> packet_;
  int quality_ = 0;
  int64_t time_ = 0;
};

base::Status LibavcodecEncoder::open_vaapi() {
  AVBufferRef* device = nullptr;
  if (const int error = library().av_hwdevice_ctx_create(&device, AV_HWDEVICE_TYPE_VAAPI, nullptr, nullptr, 0);
      error < 0)
    return failed("finds no VAAPI device", error);
  device_.reset(device);
  pool_.reset(library().av_hwframe_ctx_alloc(device));
  if (!pool_) return base::Error{"no memory for VAAPI frames"};
  auto* frames = reinterpret_cast<AVHWFramesContext*>(pool_->data);
  frames->format = AV_PIX_FMT_VAAPI;
  frames->sw_format = AV_PIX_FMT_NV12;
  frames->width = context_->width;
  frames->height = context_->height;
  frames->initial_pool_size = 4;
  if (const int error = library().av_hwframe_ctx_init(pool_.get()); error < 0)
    return failed("has no VAAPI frames of this size", error);
  context_->pix_fmt = AV_PIX_FMT_VAAPI;
  context_->hw_frames_ctx = library().av_buffer_ref(pool_.get());
  return base::Done{};
}

base::Status LibavcodecEncoder::open(const EncoderSettings& settings) {
  const AVCodec* codec = library().avcodec_find_encoder_by_name(kind_.name);
  if (!codec) return base::Error{std::string("this libavcodec was built without ") + kind_.name};
  context_.reset(library().avcodec_alloc_context3(codec));
  frame_.reset(library().av_frame_alloc());
  uploaded_.reset(library().av_frame_alloc());
  packet_.reset(library().av_packet_alloc());
  if (!context_ || !frame_ || !uploaded_ || !packet_) return base::Error{"no memory for an encoder"};
  context_->width = settings.size.width;
  context_->height = settings.size.height;
  context_->time_base = {1, 1000};
  context_->framerate = {settings.frames_per_second, 1};
  context_->gop_size = 1 << 30;
  context_->max_b_frames = 0;
  context_->refs = settings.references;
  context_->thread_count = settings.threads;
  context_->pix_fmt = kind_.layout == Layout::nv12 ? AV_PIX_FMT_NV12 : AV_PIX_FMT_YUV420P;
  context_->color_range = AVCOL_RANGE_JPEG;
  context_->colorspace = AVCOL_SPC_BT709;
  context_->color_primaries = AVCOL_PRI_BT709;
  context_->color_trc = AVCOL_TRC_IEC61966_2_1;
  for (const auto& [option, value] : kind_.options) library().av_opt_set(context_->priv_data, option, value, 0);
  quality_ = settings.quality;
  library().av_opt_set(context_->priv_data, kind_.quality_option, std::to_string(quality_).c_str(), 0);
  if (!std::strcmp(kind_.name, "h264_vaapi")) TRY(open_vaapi());
  if (const int error = library().avcodec_open2(context_.get(), codec, nullptr); error < 0)
    return failed("cannot be opened", error);
  return base::Done{};
}

void LibavcodecEncoder::set_quality(int quantiser) {
  if (!kind_.changes_quality || quantiser == quality_) return;
  quality_ = quantiser;
  library().av_opt_set(context_->priv_data, kind_.quality_option, std::to_string(quality_).c_str(), 0);
}

// A frame of its own, because the encoder may keep it.
base::Result<AVFrame*> LibavcodecEncoder::prepare(const Planes& picture) {
  library().av_frame_unref(frame_.get());
  frame_->format = kind_.layout == Layout::nv12 ? AV_PIX_FMT_NV12 : AV_PIX_FMT_YUV420P;
  frame_->width = picture.size.width;
  frame_->height = picture.size.height;
  if (const int error = library().av_frame_get_buffer(frame_.get(), 0); error < 0)
    return failed("has no memory for a picture", error);
  const int count = kind_.layout == Layout::nv12 ? 2 : 3;
  for (int i = 0; i < count; ++i) {
    const int height = i ? picture.size.height / 2 : picture.size.height;
    const auto width = static_cast<size_t>(i && count == 3 ? picture.size.width / 2 : picture.size.width);
    for (int y = 0; y < height; ++y)
      std::memcpy(frame_->data[i] + y * frame_->linesize[i], picture.plane[i] + y * picture.stride[i], width);
  }
  if (!pool_) return frame_.get();
  library().av_frame_unref(uploaded_.get());
  int error = library().av_hwframe_get_buffer(pool_.get(), uploaded_.get(), 0);
  if (error >= 0) error = library().av_hwframe_transfer_data(uploaded_.get(), frame_.get(), 0);
  if (error < 0) return failed("takes no picture", error);
  return uploaded_.get();
}

base::Result<Encoded> LibavcodecEncoder::encode(const Planes& picture, bool force_key) {
  AVFrame* frame = TRY(prepare(picture));
  frame->pts = time_;
  time_ += 16;
  frame->color_range = AVCOL_RANGE_JPEG;
  frame->pict_type = force_key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  if (const int error = library().avcodec_send_frame(context_.get(), frame); error < 0)
    return failed("takes no picture", error);
  library().av_packet_unref(packet_.get());
  if (const int error = library().avcodec_receive_packet(context_.get(), packet_.get()); error < 0)
    return failed("gives no picture at once", error);
  return Encoded{
      {packet_->data, static_cast<size_t>(packet_->size)}, (packet_->flags & AV_PKT_FLAG_KEY) != 0, quality_};
}

}  // namespace

base::Result<std::unique_ptr<Encoder>> open_libavcodec(const std::string& name, const EncoderSettings& settings) {
  if (!library().missing.empty()) return base::Error{library().missing};
  for (const Kind& kind : kinds) {
    if (name != kind.name) continue;
    auto encoder = std::make_unique<LibavcodecEncoder>(kind);
    TRY(encoder->open(settings));
    return std::unique_ptr<Encoder>(std::move(encoder));
  }
  return base::Error{"no encoder is called " + name};
}

}  // namespace desktop
