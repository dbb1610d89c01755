// The display's clipboard, shared with viewers: text, UTF-8 inside, at most `most_clipboard_bytes`.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace desktop {

inline constexpr size_t most_clipboard_bytes = 8u << 20;

// What a viewer copied. Its text is fetched only when a program of the display pastes.
class ClipboardOffer {
 public:
  virtual ~ClipboardOffer() = default;
  // May block for two seconds at most; called on the clipboard's own thread. Nothing: it cannot be had any more.
  virtual std::optional<std::string> text() = 0;
};

class Clipboard {
 public:
  virtual ~Clipboard() = default;
  // The display's programs and the other viewers paste this from now on. The offer is dropped when somebody else
  // copies. `from` is the offering viewer's own subscription, which is not called.
  virtual void offer(std::shared_ptr<ClipboardOffer> offer, int from) = 0;
  // Called on the clipboard's thread when a program of the display or another viewer copied; must not call text() then
  // and there. Returns a number for unsubscribe(), after
  // which nothing is called any more.
  virtual int subscribe(std::function<void()> copied) = 0;
  virtual void unsubscribe(int number) = 0;
  // What was copied last, fetched now; blocks for two seconds at most. Nothing: there is no text.
  virtual std::optional<std::string> text() = 0;
};

}  // namespace desktop
