#include "desktop/session/coder.h"

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "desktop/session.h"

namespace desktop {

using Milliseconds = std::chrono::duration<double, std::milli>;

namespace {

// One for each so many pixels, on half of the processors: threads bring a picture earlier, but cost more time in all,
// which what draws needs, too.
int encoder_threads(Size size) {
  constexpr int pixels = 1'500'000, most = 4;
  const int processors = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return std::min({1 + size.width * size.height / pixels, std::max(1, processors / 2), most});
}

}  // namespace

base::Status Coder::open(Size size) {
  size_ = size;
  encoder_.reset();
  owed_colour_.clear();
  if (codec_ == Codec::bitmap) return base::Done{};
  EncoderSettings settings;
  settings.size = coded_size(size);
  settings.frames_per_second = options_.frames_per_second;
  settings.quality = options_.quality;
  settings.references = codec_ == Codec::avc444 ? 2 : 1;
  settings.threads = encoder_threads(size);
  auto opened = session_.open_encoder(settings);
  if (!opened) {
    if (!options_.may_fall_back) return base::Error{opened.error()};
    base::log(base::Level::warn, "stream-without-encoder", {{"why", opened.error()}});
    codec_ = Codec::bitmap;
    return base::Done{};
  }
  encoder_ = std::move(opened.value());
  main_.reshape(size, encoder_->layout());
  if (codec_ == Codec::avc444) auxiliary_.reshape(size, encoder_->layout());
  return base::Done{};
}

void Coder::convert(const Frame& frame, const Damage& damage) {
  const auto begin = Clock::now();
  for (const Rectangle& each : damage.rectangles()) {
    if (codec_ == Codec::avc444)
      convert_444v2(frame, each, main_, auxiliary_);
    else
      convert_420(frame, each, main_);
  }
  convert_ms_ = Milliseconds(Clock::now() - begin).count();
}

base::Status Coder::encode_view(PlaneBuffer& planes, bool key, std::vector<uint8_t>& bytes, bool& is_key) {
  Encoded made = TRY(encoder_->encode(planes.planes(), key));
  bytes.assign(made.bytes.begin(), made.bytes.end());
  is_key = made.key;
  return base::Done{};
}

// Two views of one picture go through one encoder, as the client has one decoder for both (MS-RDPEGFX 3.3.8.3.2). The
// second may follow later: until then the client shows the colour of the first, at half its resolution.
base::Status Coder::encode(Picture& picture, int quality, bool key, bool all_colour) {
  const auto begin = Clock::now();
  bool unused = false;
  encoder_->set_quality(quality);
  TRY(encode_view(main_, key, main_bytes_, picture.key));
  picture.main = main_bytes_;
  picture.quality = quality;
  const double main_ms = Milliseconds(Clock::now() - begin).count();
  encode_ms_ = encode_ms_ * 0.9 + main_ms * 0.1;
  if (codec_ != Codec::avc444) return base::Done{};
  owed_colour_.add(picture.damage);
  // A key frame of the first view would be the last thing the second refers to; both begin together.
  if (!key && !all_colour && !affords_both()) {
    both_ms_ *= 0.997;  // the next try comes in its time
    return base::Done{};
  }
  TRY(encode_view(auxiliary_, false, auxiliary_bytes_, unused));
  picture.auxiliary = auxiliary_bytes_;
  // All of it: FreeRDP's clients put the views together in wrong rows where a part begins below the top.
  picture.damage.add_all(size_);
  owed_colour_.clear();
  const double both = convert_ms_ + Milliseconds(Clock::now() - begin).count();
  both_ms_ = both_ms_ == 0 ? both : both_ms_ * 0.8 + both * 0.2;
  return base::Done{};
}

}  // namespace desktop
