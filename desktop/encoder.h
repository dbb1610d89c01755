// H.264 encoders behind one interface, and the list of those that were tried.
//
// Pictures come in as YUV 4:2:0, full range, BT.709 (encode/colour.h makes it); out goes Annex B, one access unit per
// picture, no B frames, no delay. Parameter sets precede every key frame and say full range and BT.709, so that
// WebCodecs and RDP clients show the same colours.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "desktop/picture.h"

namespace desktop {

enum class Layout { i420, nv12 };  // nv12: plane[1] has U and V in turns

// Borrowed planes of a picture whose sides are multiples of 16 (MS-RDPEGFX 3.3.8.3.1 wants surfaces so).
struct Planes {
  Size size;
  const uint8_t* plane[3] = {};
  int stride[3] = {};
};

struct EncoderSettings {
  Size size;                   // multiples of 16
  int frames_per_second = 60;  // a hint; pictures come when they come
  int quality = 23;            // H.264 quantiser: 0 is best, 51 worst
  int references = 1;          // 2: two views take turns (AVC444)
  int threads = 1;
};

struct Encoded {
  std::span<const uint8_t> bytes;  // Annex B; valid until the next call
  bool key = false;                // an IDR picture with its parameter sets
  int quality = 0;                 // the quantiser that was used
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual const char* name() const = 0;  // "openh264", "libx264", "h264_nvenc", "h264_vaapi"
  virtual bool hardware() const = 0;
  virtual Layout layout() const = 0;
  // An error ends this encoder: the stream opens the next one and says so.
  virtual base::Result<Encoded> encode(const Planes& picture, bool force_key) = 0;
  // From the next picture on.
  virtual void set_quality(int quantiser) = 0;
};

// One way to encode, proved at start.
struct EncoderTry {
  std::string name;
  bool usable = false;
  std::string reason;  // why not; or what it is, for example "OpenH264 2.3.1, software"
};

class Encoders {
 public:
  // `wanted` is "auto", an encoder's name or "none". Every one that is considered encodes a picture; with "auto" the
  // first that can is used: h264_nvenc, h264_vaapi, openh264, libx264.
  static Encoders prove(const std::string& wanted);

  // The encoder in use; nullptr: none, so no H.264 (tried() says why).
  const EncoderTry* in_use() const;
  const std::vector<EncoderTry>& tried() const { return tried_; }
  // Opens the one in use. When it fails, the next usable one takes its place for good and the reason is logged.
  base::Result<std::unique_ptr<Encoder>> open(const EncoderSettings& settings);

 private:
  std::vector<EncoderTry> tried_;
  size_t used_ = 0;
};

}  // namespace desktop
