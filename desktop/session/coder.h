// Codes what changed for one viewer; remembers what the viewer has not got in full colour.
#pragma once
#include <memory>
#include <vector>

#include "base/result.h"
#include "desktop/encode/colour.h"
#include "desktop/encoder.h"
#include "desktop/stream.h"

namespace desktop {

// Of the stream's thread alone. open(), then convert() and encode() in turns; none of them for Codec::bitmap.
class Coder {
 public:
  Coder(Session& session, const StreamOptions& options) : session_(session), options_(options), codec_(options.codec) {}

  Codec codec() const { return codec_; }
  const char* encoder_name() const { return encoder_ ? encoder_->name() : "none"; }
  // For this size, from nothing. An error: there is no encoder, and no way without one.
  base::Status open(Size size);
  void convert(const Frame& frame, const Damage& damage);
  // Codes into `picture`. `all_colour`: both views, whatever it costs.
  base::Status encode(Picture& picture, int quality, bool key, bool all_colour);
  const Damage& owed_colour() const { return owed_colour_; }
  double encode_ms() const { return encode_ms_; }

 private:
  // Half of a frame's time: the rest is for the way, and for a client on the same machine.
  bool affords_both() const { return both_ms_ < 500.0 / options_.frames_per_second; }
  base::Status encode_view(PlaneBuffer& planes, bool key, std::vector<uint8_t>& bytes, bool& is_key);

  Session& session_;
  const StreamOptions options_;
  Codec codec_;
  Size size_;
  std::unique_ptr<Encoder> encoder_;
  PlaneBuffer main_, auxiliary_;
  std::vector<uint8_t> main_bytes_, auxiliary_bytes_;
  Damage owed_colour_;
  double encode_ms_ = 0, both_ms_ = 0, convert_ms_ = 0;
};

}  // namespace desktop
