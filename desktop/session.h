// A session: one display with its input, clipboard and sound, shown to any number of viewers.
//
// It owns the watcher, the thread that waits for the display. Viewers (rdp/, web/) are made by whoever accepts
// connections, keep a reference to the session and end before it.
#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "desktop/audio.h"
#include "desktop/clipboard.h"
#include "desktop/credentials.h"
#include "desktop/encoder.h"
#include "desktop/input.h"
#include "desktop/source.h"
#include "desktop/stream.h"

namespace desktop {

// What a viewer says of itself, for `outboard desktop status`.
struct ViewerStatistics {
  uint64_t id = 0;
  std::string kind;    // "rdp", "web"
  std::string client;  // what the client calls itself: untrusted text
  double seconds = 0;  // since it came
  StreamStatistics stream;
  bool sound = false, clipboard = false;
  uint64_t sound_confirmed = 0;  // blocks that the client said it played
};

class Viewer {
 public:
  virtual ~Viewer() = default;
  virtual ViewerStatistics statistics() = 0;
  // Tells the client why and closes; does not wait. `reason` is a sentence.
  virtual void end(const std::string& reason) = 0;
};

// The newest frame, shared by the streams. Each has a mark of what it has not seen yet.
class Screen {
 public:
  explicit Screen(DisplaySource& source) : source_(source) {}

  struct Watcher {
    Damage unseen;
    bool cursor = true;
    bool woken = false;
  };
  // For the life of the guard the watcher gets damage; it begins with the whole display.
  class Watching {
   public:
    Watching(Screen& screen, Watcher& watcher);
    ~Watching();
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;

   private:
    Screen& screen_;
    Watcher& watcher_;
  };

  // Until the display has something new for this watcher, wake() or the time. True: there is. Without
  // `for_pictures` only the pointer counts: the watcher has no use for a picture now.
  bool wait(Watcher& watcher, Clock::time_point until, bool for_pictures);
  void wake(Watcher& watcher);
  // Brings the frame up to date and calls `use` with it and with what this watcher had not seen, which is seen then.
  // False: nothing to see, perhaps because the display is gone.
  bool look(Watcher& watcher, const std::function<void(const Frame&, const Damage&)>& use);
  // The watcher has seen nothing yet.
  void forget(Watcher& watcher);
  // The pointer, if this watcher has not seen it as it is.
  std::optional<Cursor> new_cursor(Watcher& watcher);
  Size size() const { return source_.size(); }
  bool gone() const;

  // By the session's watcher thread: the display changed.
  void changed(const DisplaySource::Change& change);

 private:
  DisplaySource& source_;
  mutable std::mutex state_mutex_;  // everything but the frame; never held while grabbing
  std::condition_variable news_;
  std::vector<Watcher*> watchers_;
  bool stale_ = true, gone_ = false;
  std::mutex frame_mutex_;  // held while grabbing and while a stream converts
  Frame frame_;
};

class Session {
 public:
  struct Parts {
    std::unique_ptr<DisplaySource> source;
    std::unique_ptr<InputSink> input;
    std::unique_ptr<Clipboard> clipboard;  // may be none
    std::unique_ptr<AudioSource> audio;    // may be none
    Encoders encoders;
    std::string render;  // what draws, as probed: "llvmpipe (LLVM 15.0.6, 256 bits)"
    StreamOptions stream;
  };

  explicit Session(Parts parts);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Screen& screen() { return screen_; }
  InputSink& input() { return *parts_.input; }
  Clipboard* clipboard() { return parts_.clipboard.get(); }
  AudioSource* audio() { return parts_.audio.get(); }
  Credentials& credentials() { return credentials_; }
  const StreamOptions& stream_options() const { return parts_.stream; }

  // A viewer asks for another size; many in a row are made one. The streams follow when the display has changed.
  void resize(Size wanted);
  // An encoder for a stream, by the lock of the list: when one fails for good, the next takes its place for everybody.
  base::Result<std::unique_ptr<Encoder>> open_encoder(const EncoderSettings& settings);
  bool has_encoder() const;

  // Viewers announce themselves; the session does not own them.
  uint64_t add(Viewer& viewer);
  void remove(uint64_t id);
  size_t viewers() const;

  // One JSON object: what `outboard desktop status` shows. Keys: render, encode, encoders (name, usable, reason),
  // source, size, sound, wrong_passwords, viewers (an array of ViewerStatistics by its names, times in ms, rates in
  // Mbit/s).
  std::string status_json() const;
  // Ends all viewers with a reason.
  void end_viewers(const std::string& reason);

 private:
  void watch();
  void follow_sizes();

  Parts parts_;
  Screen screen_;
  Credentials credentials_;
  mutable std::mutex mutex_;
  std::condition_variable resize_news_;
  Size wanted_size_;
  mutable std::mutex viewers_mutex_;
  std::vector<std::pair<uint64_t, Viewer*>> viewers_;
  uint64_t next_viewer_ = 1;
  bool ending_ = false;
  std::thread watcher_, resizer_;
};

}  // namespace desktop
