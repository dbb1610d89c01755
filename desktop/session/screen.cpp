#include <algorithm>

#include "base/log.h"
#include "desktop/session.h"

namespace desktop {

Screen::Watching::Watching(Screen& screen, Watcher& watcher) : screen_(screen), watcher_(watcher) {
  std::lock_guard lock(screen_.state_mutex_);
  watcher_.unseen.add_all(screen_.source_.size());
  screen_.watchers_.push_back(&watcher_);
}

Screen::Watching::~Watching() {
  std::lock_guard lock(screen_.state_mutex_);
  std::erase(screen_.watchers_, &watcher_);
}

bool Screen::wait(Watcher& watcher, Clock::time_point until, bool for_pictures) {
  std::unique_lock lock(state_mutex_);
  auto something = [&] { return watcher.cursor || (for_pictures && (stale_ || !watcher.unseen.empty())); };
  news_.wait_until(lock, until, [&] { return gone_ || watcher.woken || something(); });
  watcher.woken = false;
  return something();
}

void Screen::wake(Watcher& watcher) {
  {
    std::lock_guard lock(state_mutex_);
    watcher.woken = true;
  }
  news_.notify_all();
}

bool Screen::look(Watcher& watcher, const std::function<void(const Frame&, const Damage&)>& use) {
  std::lock_guard frame_lock(frame_mutex_);
  bool stale = false;
  {
    std::lock_guard lock(state_mutex_);
    stale = std::exchange(stale_, false);
  }
  Damage changed;
  if (stale) {
    base::Status grabbed = source_.grab(frame_, changed);
    if (!grabbed && !grabbed.error().empty()) base::log(base::Level::warn, "grab", {{"why", grabbed.error()}});
  }
  Damage unseen;
  {
    std::lock_guard lock(state_mutex_);
    for (Watcher* each : watchers_) each->unseen.add(changed);
    std::swap(unseen, watcher.unseen);
  }
  if (!frame_.pixels || unseen.empty()) return false;
  use(frame_, unseen);
  return true;
}

void Screen::forget(Watcher& watcher) {
  std::lock_guard lock(state_mutex_);
  watcher.unseen.add_all(source_.size());
}

std::optional<Cursor> Screen::new_cursor(Watcher& watcher) {
  {
    std::lock_guard lock(state_mutex_);
    if (!std::exchange(watcher.cursor, false)) return std::nullopt;
  }
  return source_.cursor();
}

bool Screen::gone() const {
  std::lock_guard lock(state_mutex_);
  return gone_;
}

void Screen::changed(const DisplaySource::Change& change) {
  {
    std::lock_guard lock(state_mutex_);
    stale_ = stale_ || change.picture || change.size;
    gone_ = gone_ || change.gone;
    for (Watcher* each : watchers_) each->cursor = each->cursor || change.cursor;
  }
  news_.notify_all();
}

}  // namespace desktop
