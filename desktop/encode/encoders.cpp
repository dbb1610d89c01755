// Which encoders there are, in order of preference, and the proof that one works: it encodes pictures.
#include <algorithm>

#include "base/log.h"
#include "desktop/encode/colour.h"
#include "desktop/encode/libavcodec.h"
#include "desktop/encode/openh264.h"
#include "desktop/encoder.h"

namespace desktop {
namespace {

constexpr const char* names[] = {"h264_nvenc", "h264_vaapi", "openh264", "libx264"};

base::Result<std::unique_ptr<Encoder>> open_by_name(const std::string& name, const EncoderSettings& settings) {
  if (name == "openh264") return open_openh264(settings);
  return open_libavcodec(name, settings);
}

// Annex B: three or four bytes of start code, then the unit's type in five bits (H.264, 7.3.1 and B.1).
bool has_unit(std::span<const uint8_t> bytes, int type) {
  for (size_t i = 0; i + 3 < bytes.size(); ++i)
    if (bytes[i] == 0 && bytes[i + 1] == 0 && bytes[i + 2] == 1 && (bytes[i + 3] & 31) == type) return true;
  return false;
}

// A key frame with its parameter sets first, then others that are none, then a key frame when asked.
base::Status try_out(Encoder& encoder) {
  constexpr int parameter_set = 7, key_picture = 5;
  PlaneBuffer planes;
  planes.reshape({640, 480}, encoder.layout());
  for (int i = 0; i < 4; ++i) {
    for (int y = 0; y < 480; ++y)
      for (int x = 0; x < 640; ++x) planes.luma(y)[x] = static_cast<uint8_t>(x + y * i);
    Encoded made = TRY(encoder.encode(planes.planes(), i == 3));
    const bool wanted = i == 0 || i == 3;
    if (made.key != wanted || has_unit(made.bytes, key_picture) != wanted)
      return base::Error{"it makes key frames at other times than it is asked to"};
    if (wanted && !has_unit(made.bytes, parameter_set)) return base::Error{"its key frames lack parameter sets"};
  }
  return base::Done{};
}

EncoderTry prove_one(const std::string& name) {
  EncoderTry result{name, false, ""};
  EncoderSettings settings;
  settings.size = {640, 480};
  auto encoder = open_by_name(name, settings);
  base::Status tried = encoder ? try_out(*encoder.value()) : base::Status(base::Error{encoder.error()});
  result.usable = tried.ok();
  result.reason = tried ? (encoder.value()->hardware() ? "hardware" : "software") : tried.error();
  if (tried && name == "openh264") result.reason = load_openh264().value() + ", software";
  return result;
}

}  // namespace

Encoders Encoders::prove(const std::string& wanted) {
  Encoders all;
  for (const char* name : names) {
    if (wanted != "auto" && wanted != name) continue;
    all.tried_.push_back(prove_one(name));
    const EncoderTry& last = all.tried_.back();
    base::log(base::Level::info, "encoder",
              {{"name", last.name}, {"usable", last.usable ? "yes" : "no"}, {"why", last.reason}});
  }
  while (all.used_ < all.tried_.size() && !all.tried_[all.used_].usable) ++all.used_;
  return all;
}

const EncoderTry* Encoders::in_use() const { return used_ < tried_.size() ? &tried_[used_] : nullptr; }

base::Result<std::unique_ptr<Encoder>> Encoders::open(const EncoderSettings& settings) {
  while (used_ < tried_.size()) {
    EncoderTry& now = tried_[used_];
    auto encoder = open_by_name(now.name, settings);
    if (encoder) return encoder;
    base::log(base::Level::warn, "encoder-failed", {{"name", now.name}, {"why", encoder.error()}});
    now.usable = false;
    now.reason = encoder.error();
    while (used_ < tried_.size() && !tried_[used_].usable) ++used_;
  }
  return base::Error{"no H.264 encoder works on this machine (outboard desktop status lists why)"};
}

}  // namespace desktop
