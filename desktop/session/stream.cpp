#include "desktop/stream.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "desktop/session.h"
#include "desktop/session/coder.h"
#include "desktop/session/flow.h"

namespace desktop {

using namespace std::chrono_literals;

const char* name_of(Codec codec) {
  switch (codec) {
    case Codec::avc420: return "AVC420";
    case Codec::avc444: return "AVC444v2";
    case Codec::bitmap: return "bitmap";
  }
  return "";
}

namespace {

constexpr int refining_step = 6;

}  // namespace

struct Stream::State {
  State(Session& session, PictureSink& sink, StreamOptions options)
      : session(session), sink(sink), options(options), coder(session, options), flow(options.quality) {}

  void run();
  void turn();
  bool send_cursor();
  bool has_room(Clock::time_point now);
  int finest() const;
  int present_quality();
  Clock::duration rest_before_refining();
  bool take(const Frame& frame, const Damage& damage, Picture& picture);
  bool pack(Picture& picture, bool all_colour, int quality);
  bool refine();
  bool begin_size(Size size);
  void count(const Picture& picture);
  void end(const std::string& why);

  Session& session;
  PictureSink& sink;
  const StreamOptions options;
  Screen::Watcher watcher;
  Coder coder;
  std::atomic<bool> ending{false}, paused{false}, key_wanted{false}, silent_viewer{false};

  // Of the thread alone.
  Size size;
  uint32_t next_id = 1;
  bool fresh = true;  // the next picture is the first of its size
  Clock::time_point grabbed{}, last_change{};
  Damage coarse;  // what was sent less finely than it could be
  int coarse_quality = 0;

  mutable std::mutex mutex;  // what follows
  Flow flow;
  uint64_t frames = 0, bytes = 0;
  StreamStatistics shown;
  std::string reason;
  bool ended = false;

  std::thread thread;
};

void Stream::State::end(const std::string& why) {
  {
    std::lock_guard lock(mutex);
    if (reason.empty()) reason = why;
  }
  ending = true;
  session.screen().wake(watcher);
}

void Stream::State::run() {
  {
    Screen::Watching watching(session.screen(), watcher);
    while (!ending) turn();
  }
  std::lock_guard lock(mutex);
  ended = true;
}

// One look at what there is to do. Never faster than twice the wanted rate: damage comes in many small pieces. Counted
// from look to look, not from the end of the coding: coding takes half of a frame's time where pictures are large.
void Stream::State::turn() {
  const auto now = Clock::now();
  auto& screen = session.screen();
  const bool room = has_room(now);
  if (ending) return;
  if (screen.gone()) return end("the display ended");
  if (room)
    std::this_thread::sleep_until(grabbed + std::chrono::microseconds(1'000'000 / (2 * options.frames_per_second)));
  const bool rests = room && !coarse.empty();
  const auto until = key_wanted && room ? now : rests ? last_change + rest_before_refining() : now + 1s;
  const bool something = screen.wait(watcher, until, room);
  if (something && !send_cursor()) return end("the client is gone");
  if (!room || ending) return;
  bool good = true;
  Picture picture;
  const bool looked = something && screen.look(watcher, [&](const Frame& frame, const Damage& damage) {
    good = take(frame, damage, picture);
  });
  if (looked && good && picture.codec != Codec::bitmap) good = pack(picture, false, present_quality());
  if (!looked && (key_wanted || (rests && Clock::now() >= until))) good = refine();
  if (!good) end("the client is gone");
}

bool Stream::State::has_room(Clock::time_point now) {
  std::lock_guard lock(mutex);
  if (flow.under_way() && now - flow.oldest() > options.silence && reason.empty())
    reason = "the client acknowledged nothing for " + std::to_string(options.silence.count()) + " seconds";
  if (!reason.empty()) ending = true;
  return !flow.full() && !paused;
}

// A finer picture may take long on a narrow way; then the way is left free for twice as long, in case something
// changes.
Clock::duration Stream::State::rest_before_refining() {
  std::lock_guard lock(mutex);
  return std::max<Clock::duration>(200ms, std::chrono::milliseconds(static_cast<int64_t>(2 * flow.last_ms())));
}

// Clients take a quarter of the colours of two views from four times a mean, and the noise of coding with it.
int Stream::State::finest() const {
  return coder.codec() == Codec::avc444 ? std::max(0, options.refined_quality - 4) : options.refined_quality;
}

int Stream::State::present_quality() {
  std::lock_guard lock(mutex);
  return flow.quality();
}

bool Stream::State::send_cursor() {
  const auto cursor = session.screen().new_cursor(watcher);
  return !cursor || sink.cursor(*cursor);
}

bool Stream::State::begin_size(Size now) {
  size = now;
  fresh = true;
  coarse.clear();
  base::Status opened = coder.open(now);
  if (!opened) {
    end(opened.error());
    return true;
  }
  {
    std::lock_guard lock(mutex);
    flow.forget();
  }
  return sink.reshape(now);
}

// With the frame's lock held: converts for the encoder, which comes after; bitmaps are packed from the frame itself.
bool Stream::State::take(const Frame& frame, const Damage& damage, Picture& picture) {
  if (!(frame.size == size) && !begin_size(frame.size)) return false;
  if (ending) return true;
  grabbed = frame.grabbed;
  last_change = Clock::now();
  picture.size = size;
  picture.codec = coder.codec();
  picture.damage = damage;
  if (fresh) picture.damage.add_all(size);
  if (picture.codec != Codec::bitmap) {
    coder.convert(frame, picture.damage);
    return true;
  }
  picture.pixels = &frame;
  return pack(picture, false, 0);
}

bool Stream::State::pack(Picture& picture, bool all_colour, int quality) {
  if (ending) return true;
  const bool key = fresh || key_wanted.exchange(false);
  if (picture.codec != Codec::bitmap) {
    base::Status coded = coder.encode(picture, quality, key, all_colour);
    if (!coded) {
      base::log(base::Level::warn, "encoder-failed", {{"name", coder.encoder_name()}, {"why", coded.error()}});
      size = {};  // the next picture begins anew, with whatever encoder is left
      session.screen().forget(watcher);
      return true;
    }
    if (quality > finest() || !coder.owed_colour().empty()) {
      coarse.add(picture.damage);
      coarse_quality = quality;
    }
  }
  fresh = false;
  picture.id = next_id++;
  count(picture);
  return sink.picture(picture);
}

void Stream::State::count(const Picture& picture) {
  const size_t sent = picture.main.size() + picture.auxiliary.size();
  std::lock_guard lock(mutex);
  ++frames;
  bytes += sent;
  if (!silent_viewer) flow.sent(picture.id, sent, grabbed, Clock::now());
  shown.codec = name_of(picture.codec);
  shown.encoder = picture.codec == Codec::bitmap ? "none" : coder.encoder_name();
  shown.size = size;
  shown.encode_ms = coder.encode_ms();
  shown.quality = picture.quality;
}

// The same picture again, finer; in steps, so that a narrow way is not filled when the next change comes.
bool Stream::State::refine() {
  if (size == Size{} || coder.codec() == Codec::bitmap) {
    key_wanted = false;
    coarse.clear();
    return true;
  }
  Picture picture;
  picture.size = size;
  picture.codec = coder.codec();
  picture.refined = true;
  if (key_wanted) coarse.add_all(size);
  picture.damage = coarse;
  coarse.clear();
  last_change = grabbed = Clock::now();
  const int before = coarse_quality ? coarse_quality : options.quality;
  return pack(picture, true, std::max(before - refining_step, finest()));
}

Stream::Stream(Session& session, PictureSink& sink, StreamOptions options)
    : state_(std::make_unique<State>(session, sink, options)) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Stream::~Stream() {
  state_->end("ended");
  state_->thread.join();
}

void Stream::end(const std::string& reason) { state_->end(reason); }

void Stream::acknowledge(uint32_t id) {
  {
    std::lock_guard lock(state_->mutex);
    state_->flow.acknowledged(id, Clock::now());
  }
  state_->session.screen().wake(state_->watcher);
}

void Stream::acknowledge_no_more() {
  state_->silent_viewer = true;
  {
    std::lock_guard lock(state_->mutex);
    state_->flow.forget();
  }
  state_->session.screen().wake(state_->watcher);
}

void Stream::force_key_frame() {
  state_->key_wanted = true;
  state_->session.screen().wake(state_->watcher);
}

void Stream::pause(bool paused) {
  state_->paused = paused;
  if (!paused) state_->key_wanted = true;
  state_->session.screen().wake(state_->watcher);
}

bool Stream::ended() const {
  std::lock_guard lock(state_->mutex);
  return state_->ended;
}

std::string Stream::reason() const {
  std::lock_guard lock(state_->mutex);
  return state_->reason;
}

StreamStatistics Stream::statistics() const {
  std::lock_guard lock(state_->mutex);
  StreamStatistics now = state_->shown;
  const auto time = Clock::now();
  now.frames_per_second = state_->flow.frames_per_second(time);
  now.megabits_per_second = state_->flow.megabits_per_second(time);
  now.lag_ms = state_->flow.lag_ms();
  now.round_trip_ms = state_->flow.least_round_trip_ms();
  now.window = state_->flow.window();
  now.frames = state_->frames;
  now.bytes = state_->bytes;
  return now;
}

}  // namespace desktop
