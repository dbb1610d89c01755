// The library is asked for by the version of the header that this was compiled with: its structures have no other mark.
#include "desktop/encode/openh264.h"

#include <dlfcn.h>
#include <wels/codec_api.h>
#include <wels/codec_ver.h>

#include <cstring>
#include <vector>

namespace desktop {
namespace {

struct Library {
  int (*create)(ISVCEncoder**) = nullptr;
  void (*destroy)(ISVCEncoder*) = nullptr;
  std::string name, missing;
};

Library load() {
  Library library;
  void* handle = nullptr;
  for (const char* name : {"libopenh264.so.7", "libopenh264.so.8", "libopenh264.so.6", "libopenh264.so"})
    if ((handle = dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
  if (!handle) {
    library.missing = "libopenh264 is not installed (Debian: libopenh264-7)";
    return library;
  }
  auto version = reinterpret_cast<OpenH264Version (*)()>(dlsym(handle, "WelsGetCodecVersion"));
  library.create = reinterpret_cast<int (*)(ISVCEncoder**)>(dlsym(handle, "WelsCreateSVCEncoder"));
  library.destroy = reinterpret_cast<void (*)(ISVCEncoder*)>(dlsym(handle, "WelsDestroySVCEncoder"));
  if (!version || !library.create || !library.destroy) {
    library.missing = "libopenh264 lacks its functions";
    return library;
  }
  const OpenH264Version is = version();
  library.name =
      "OpenH264 " + std::to_string(is.uMajor) + "." + std::to_string(is.uMinor) + "." + std::to_string(is.uRevision);
  if (is.uMajor != OPENH264_MAJOR || is.uMinor != OPENH264_MINOR)
    library.missing = library.name + " is another version than this was built for (" + std::to_string(OPENH264_MAJOR) +
                      "." + std::to_string(OPENH264_MINOR) + ")";
  return library;
}

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

class OpenH264 : public Encoder {
 public:
  ~OpenH264() override {
    if (!encoder_) return;
    encoder_->Uninitialize();
    library().destroy(encoder_);
  }
  base::Status open(const EncoderSettings& settings);
  const char* name() const override { return "openh264"; }
  bool hardware() const override { return false; }
  Layout layout() const override { return Layout::i420; }
  base::Result<Encoded> encode(const Planes& picture, bool force_key) override;
  void set_quality(int quantiser) override;

 private:
  ISVCEncoder* encoder_ = nullptr;
  int quality_ = 0;
  int64_t time_ = 0;
  std::vector<uint8_t> bytes_;
};

// Camera mode: screen mode took three times as long and ten times the bits where everything moves.
SEncParamExt parameters_of(ISVCEncoder& encoder, const EncoderSettings& settings) {
  SEncParamExt wanted;
  encoder.GetDefaultParams(&wanted);
  wanted.iUsageType = CAMERA_VIDEO_REAL_TIME;
  wanted.iPicWidth = settings.size.width;
  wanted.iPicHeight = settings.size.height;
  wanted.fMaxFrameRate = static_cast<float>(settings.frames_per_second);
  wanted.iRCMode = RC_OFF_MODE;  // the quantiser is the stream's to choose
  wanted.iTargetBitrate = wanted.iMaxBitrate = UNSPECIFIED_BIT_RATE;
  wanted.iMinQp = 0;
  wanted.iMaxQp = 51;
  wanted.iComplexityMode = LOW_COMPLEXITY;
  wanted.iNumRefFrame = settings.references;
  wanted.eSpsPpsIdStrategy = CONSTANT_ID;
  wanted.iEntropyCodingModeFlag = 0;
  wanted.iLoopFilterDisableIdc = 1;  // it softens letters, and costs a fifth of the time
  wanted.bEnableFrameSkip = false;
  wanted.bEnableDenoise = wanted.bEnableBackgroundDetection = wanted.bEnableAdaptiveQuant = false;
  wanted.bEnableSceneChangeDetect = false;  // it would make key frames of its own accord
  wanted.bEnableLongTermReference = false;
  wanted.iMultipleThreadIdc = static_cast<unsigned short>(settings.threads);
  SSpatialLayerConfig& layer = wanted.sSpatialLayers[0];
  layer.iVideoWidth = settings.size.width;
  layer.iVideoHeight = settings.size.height;
  layer.fFrameRate = wanted.fMaxFrameRate;
  layer.iDLayerQp = settings.quality;
  layer.iSpatialBitrate = layer.iMaxSpatialBitrate = UNSPECIFIED_BIT_RATE;
  layer.sSliceArgument.uiSliceMode = settings.threads > 1 ? SM_FIXEDSLCNUM_SLICE : SM_SINGLE_SLICE;
  layer.sSliceArgument.uiSliceNum = static_cast<unsigned>(settings.threads);
  layer.bVideoSignalTypePresent = layer.bFullRange = layer.bColorDescriptionPresent = true;
  layer.uiVideoFormat = VF_UNDEF;
  layer.uiColorPrimaries = CP_BT709;
  layer.uiTransferCharacteristics = TRC_IEC61966_2_1;
  layer.uiColorMatrix = CM_BT709;
  return wanted;
}

base::Status OpenH264::open(const EncoderSettings& settings) {
  if (!library().missing.empty()) return base::Error{library().missing};
  if (library().create(&encoder_) != 0 || !encoder_) return base::Error{"OpenH264 makes no encoder"};
  int level = WELS_LOG_QUIET;
  encoder_->SetOption(ENCODER_OPTION_TRACE_LEVEL, &level);
  SEncParamExt wanted = parameters_of(*encoder_, settings);
  if (const int error = encoder_->InitializeExt(&wanted); error != 0)
    return base::Error{"OpenH264 does not take " + std::to_string(settings.size.width) + "x" +
                       std::to_string(settings.size.height) + " (error " + std::to_string(error) + ")"};
  int format = videoFormatI420;
  encoder_->SetOption(ENCODER_OPTION_DATAFORMAT, &format);
  quality_ = settings.quality;
  return base::Done{};
}

void OpenH264::set_quality(int quantiser) {
  if (quantiser == quality_) return;
  SEncParamExt now;
  if (encoder_->GetOption(ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, &now) != 0) return;
  now.sSpatialLayers[0].iDLayerQp = quantiser;
  if (encoder_->SetOption(ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, &now) == 0) quality_ = quantiser;
}

base::Result<Encoded> OpenH264::encode(const Planes& picture, bool force_key) {
  if (force_key) encoder_->ForceIntraFrame(true);
  SSourcePicture source{};
  source.iColorFormat = videoFormatI420;
  source.iPicWidth = picture.size.width;
  source.iPicHeight = picture.size.height;
  source.uiTimeStamp = time_;
  time_ += 16;
  for (int i = 0; i < 3; ++i) {
    source.pData[i] = const_cast<uint8_t*>(picture.plane[i]);
    source.iStride[i] = picture.stride[i];
  }
  SFrameBSInfo made{};
  if (const int error = encoder_->EncodeFrame(&source, &made); error != 0)
    return base::Error{"OpenH264 failed (error " + std::to_string(error) + ")"};
  bytes_.clear();
  for (int i = 0; i < made.iLayerNum; ++i) {
    const SLayerBSInfo& layer = made.sLayerInfo[i];
    size_t size = 0;
    for (int unit = 0; unit < layer.iNalCount; ++unit) size += static_cast<size_t>(layer.pNalLengthInByte[unit]);
    bytes_.insert(bytes_.end(), layer.pBsBuf, layer.pBsBuf + size);
  }
  if (bytes_.empty()) return base::Error{"OpenH264 left a picture out"};
  return Encoded{bytes_, made.eFrameType == videoFrameTypeIDR, quality_};
}

}  // namespace

base::Result<std::string> load_openh264() {
  if (!library().missing.empty()) return base::Error{library().missing};
  return library().name;
}

base::Result<std::unique_ptr<Encoder>> open_openh264(const EncoderSettings& settings) {
  auto encoder = std::make_unique<OpenH264>();
  TRY(encoder->open(settings));
  return std::unique_ptr<Encoder>(std::move(encoder));
}

}  // namespace desktop
