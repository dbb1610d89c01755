// Sound of the session: signed 16-bit samples, two channels, 48,000 a second, in blocks of 20 ms.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace desktop {

inline constexpr int audio_rate = 48000, audio_channels = 2, audio_block = audio_rate / 50;

class AudioSource {
 public:
  virtual ~AudioSource() = default;
  // Called on the sound's thread with interleaved samples; silence is not sent. For unsubscribe(), after which nothing
  // is called any more.
  virtual int subscribe(std::function<void(std::span<const int16_t>)> block) = 0;
  virtual void unsubscribe(int number) = 0;
  virtual std::string name() const = 0;  // "pulseaudio, started for this session"
};

}  // namespace desktop
