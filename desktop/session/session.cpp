#include "desktop/session.h"

#include <nlohmann/json.hpp>

#include "base/log.h"

namespace desktop {

using namespace std::chrono_literals;

Session::Session(Parts parts) : parts_(std::move(parts)), screen_(*parts_.source) {
  watcher_ = std::thread([this] { watch(); });
  resizer_ = std::thread([this] { follow_sizes(); });
}

Session::~Session() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  resize_news_.notify_all();
  parts_.source->wake();
  watcher_.join();
  resizer_.join();
}

void Session::watch() {
  for (;;) {
    const DisplaySource::Change change = parts_.source->wait(10s);
    {
      std::lock_guard lock(mutex_);
      if (ending_) return;
    }
    screen_.changed(change);
    if (change.gone) return;
  }
}

// A window that is dragged asks for a hundred sizes; the display gets the one that stays for a moment.
void Session::follow_sizes() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    resize_news_.wait(lock, [&] { return ending_ || wanted_size_ != Size{}; });
    Size wanted = wanted_size_;
    while (!ending_) {
      resize_news_.wait_for(lock, 50ms);
      if (wanted == wanted_size_) break;
      wanted = wanted_size_;
    }
    wanted_size_ = {};
    if (ending_ || wanted == Size{} || wanted == parts_.source->size()) continue;
    lock.unlock();
    base::Status done = parts_.source->resize(wanted);
    if (!done) base::log(base::Level::warn, "resize", {{"why", done.error()}});
    lock.lock();
  }
}

void Session::resize(Size wanted) {
  if (!sensible(wanted)) return;
  {
    std::lock_guard lock(mutex_);
    wanted_size_ = wanted;
  }
  resize_news_.notify_all();
}

base::Result<std::unique_ptr<Encoder>> Session::open_encoder(const EncoderSettings& settings) {
  std::lock_guard lock(mutex_);
  return parts_.encoders.open(settings);
}

bool Session::has_encoder() const {
  std::lock_guard lock(mutex_);
  return parts_.encoders.in_use() != nullptr;
}

uint64_t Session::add(Viewer& viewer) {
  std::lock_guard lock(viewers_mutex_);
  viewers_.emplace_back(next_viewer_, &viewer);
  return next_viewer_++;
}

void Session::remove(uint64_t id) {
  std::lock_guard lock(viewers_mutex_);
  std::erase_if(viewers_, [&](const auto& each) { return each.first == id; });
}

size_t Session::viewers() const {
  std::lock_guard lock(viewers_mutex_);
  return viewers_.size();
}

void Session::end_viewers(const std::string& reason) {
  std::lock_guard lock(viewers_mutex_);
  for (const auto& [id, viewer] : viewers_) viewer->end(reason);
}

namespace {

using Json = nlohmann::json;

Json json_of(uint64_t id, const ViewerStatistics& viewer) {
  const StreamStatistics& stream = viewer.stream;
  return {{"id", id},
          {"kind", viewer.kind},
          {"client", viewer.client},
          {"seconds", viewer.seconds},
          {"sound", viewer.sound},
          {"sound_confirmed", viewer.sound_confirmed},
          {"clipboard", viewer.clipboard},
          {"codec", stream.codec},
          {"encoder", stream.encoder},
          {"width", stream.size.width},
          {"height", stream.size.height},
          {"frames_per_second", stream.frames_per_second},
          {"lag_ms", stream.lag_ms},
          {"round_trip_ms", stream.round_trip_ms},
          {"encode_ms", stream.encode_ms},
          {"window", stream.window},
          {"quality", stream.quality},
          {"frames", stream.frames},
          {"bytes", stream.bytes},
          {"megabits_per_second", stream.megabits_per_second}};
}

}  // namespace

std::string Session::status_json() const {
  Json json{{"render", parts_.render},
            {"source", parts_.source->name()},
            {"size", to_text(parts_.source->size())},
            {"sound", parts_.audio ? parts_.audio->name() : "none"},
            {"clipboard", parts_.clipboard != nullptr},
            {"wrong_passwords", credentials_.wrong()},
            {"encoders", Json::array()},
            {"viewers", Json::array()}};
  {
    std::lock_guard lock(mutex_);
    const EncoderTry* used = parts_.encoders.in_use();
    json["encode"] = used ? used->name + " (" + used->reason + ")" : "none: clients get progressive or plain bitmaps";
    for (const EncoderTry& each : parts_.encoders.tried())
      json["encoders"].push_back({{"name", each.name}, {"usable", each.usable}, {"reason", each.reason}});
  }
  std::lock_guard lock(viewers_mutex_);
  for (const auto& [id, viewer] : viewers_) json["viewers"].push_back(json_of(id, viewer->statistics()));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace desktop
