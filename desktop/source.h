// Where pictures come from: an X display that was there, a virtual one that we started, a pattern for tests.
//
// One thread (the session's watcher) waits; any thread grabs, one at a time: the caller holds a lock (session.h does).
// A source copies only what changed since the last grab.
#pragma once
#include <chrono>
#include <string>

#include "base/result.h"
#include "desktop/picture.h"

namespace desktop {

class DisplaySource {
 public:
  struct Change {
    bool picture = false;  // grab() will find something
    bool cursor = false;   // cursor() differs
    bool size = false;     // size() differs; grab() reshapes the frame
    bool gone = false;     // the display ended; nothing else will come
  };

  virtual ~DisplaySource() = default;
  virtual Size size() const = 0;
  // Until something changed, wake() was called or the time is over. For one thread.
  virtual Change wait(std::chrono::milliseconds most) = 0;
  virtual void wake() = 0;
  // Brings `frame` up to date and adds what changed to `changed`. Damage is reported anew after every grab.
  virtual base::Status grab(Frame& frame, Damage& changed) = 0;
  virtual Cursor cursor() = 0;
  // An error says why the size stays: the display cannot change, or not to this size. size() tells what became of it.
  virtual base::Status resize(Size wanted) = 0;
  // "X display :12 (Xvnc, started for this session)"
  virtual std::string name() const = 0;
};

}  // namespace desktop
