// Encoders of FFmpeg's libavcodec, loaded when first wanted: NVENC, VAAPI, x264. Nothing links it.
//
// Debian's libavcodec is linked with libx264, so whoever loads it runs code under the GPL (docs/legal.md).
#pragma once
#include <memory>
#include <string>

#include "desktop/encoder.h"

namespace desktop {

// `name` is the library's: "h264_nvenc", "h264_vaapi", "libx264".
base::Result<std::unique_ptr<Encoder>> open_libavcodec(const std::string& name, const EncoderSettings& settings);

}  // namespace desktop
