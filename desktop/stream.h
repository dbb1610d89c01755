// Pictures of a session to one viewer: waits for damage, keeps the window of unacknowledged frames, converts, encodes,
// refines at rest. The viewer (rdp/, web/) only packs and sends.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "desktop/encoder.h"
#include "desktop/picture.h"

namespace desktop {

class Session;

enum class Codec { avc420, avc444, bitmap };  // bitmap: the viewer packs pixels itself (progressive, planar)
const char* name_of(Codec codec);

// One frame for a viewer. Everything borrowed lives until picture() returns.
struct Picture {
  uint32_t id = 0;  // what acknowledge() takes; counts from 1
  Size size;        // of the display; coded pictures are larger: their sides are multiples of 16
  Damage damage;    // what differs from the frame before
  Codec codec = Codec::avc420;
  bool key = false;
  int quality = 0;
  bool refined = false;                // a better version of the same picture, at rest
  std::span<const uint8_t> main;       // avc420, or the first view of avc444; empty: only the other view
  std::span<const uint8_t> auxiliary;  // the second view of avc444 (MS-RDPEGFX 3.3.8.3.3); empty: not this time
  const Frame* pixels = nullptr;       // bitmap: the picture itself
};

// A viewer's side of a stream. Called on the stream's thread; false ends the stream.
class PictureSink {
 public:
  virtual ~PictureSink() = default;
  // The display has this size from the next picture on, which will be a key frame. Also called before the first.
  virtual bool reshape(Size size) = 0;
  virtual bool picture(const Picture& picture) = 0;
  virtual bool cursor(const Cursor& cursor) = 0;
};

struct StreamOptions {
  Codec codec = Codec::avc420;
  int frames_per_second = 60;  // a ceiling is twice this: damage decides
  int quality = 23;            // in motion
  int refined_quality = 10;    // at rest
  bool may_fall_back = false;  // when every encoder fails, go on with Codec::bitmap; otherwise end
  // Nothing is sent to a viewer that does not acknowledge for this long, and then it is dropped.
  std::chrono::seconds silence{20};
};

struct StreamStatistics {
  std::string codec, encoder;
  Size size;
  double frames_per_second = 0;
  double lag_ms = 0;         // from grab to acknowledgement, smoothed
  double round_trip_ms = 0;  // the least lag lately
  double encode_ms = 0;
  int window = 0;  // frames under way at most
  int quality = 0;
  uint64_t frames = 0, bytes = 0;
  double megabits_per_second = 0;
};

class Stream {
 public:
  // Starts its thread. `sink` and `session` outlive the stream.
  Stream(Session& session, PictureSink& sink, StreamOptions options);
  ~Stream();  // ends the thread; call from any thread but the sink's callbacks
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Asks the thread to end and returns at once: for the sink's callbacks, and for whoever must not wait.
  void end(const std::string& reason);
  // The viewer has shown this frame and all before it.
  void acknowledge(uint32_t id);
  // The viewer stopped acknowledging on purpose (MS-RDPEGFX 2.2.3.3, queueDepth SUSPEND_FRAME_ACKNOWLEDGEMENT).
  void acknowledge_no_more();
  void force_key_frame();
  // While the viewer shows nothing (minimised: MS-RDPBCGR 2.2.11.3 Suppress Output) nothing is sent.
  void pause(bool paused);
  bool ended() const;
  // Why it ended: a sentence; empty while it runs.
  std::string reason() const;
  StreamStatistics statistics() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace desktop
