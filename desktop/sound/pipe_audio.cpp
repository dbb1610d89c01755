#include "desktop/sound/pipe_audio.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

namespace desktop {
namespace {

class PipeAudio : public AudioSource {
 public:
  PipeAudio(base::Fd pipe, std::string name)
      : pipe_(std::move(pipe)), name_(std::move(name)), end_(eventfd(0, EFD_CLOEXEC)) {}
  ~PipeAudio() override {
    eventfd_write(end_.get(), 1);
    if (thread_.joinable()) thread_.join();
  }

  int subscribe(std::function<void(std::span<const int16_t>)> block) override {
    std::lock_guard lock(mutex_);
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    subscribers_.emplace(next_, std::move(block));
    return next_++;
  }
  void unsubscribe(int number) override {
    std::lock_guard lock(mutex_);
    subscribers_.erase(number);
  }
  std::string name() const override { return name_; }

 private:
  void run();
  void give(std::span<const int16_t> block);

  base::Fd pipe_;
  std::string name_;
  base::Fd end_;
  std::mutex mutex_;
  std::map<int, std::function<void(std::span<const int16_t>)>> subscribers_;
  int next_ = 1;
  int silent_ = 0;
  std::thread thread_;
};

void PipeAudio::give(std::span<const int16_t> block) {
  constexpr int tail = 25;  // half a second of silence is still sent, so that a client's buffer runs out quietly
  const bool silent = std::all_of(block.begin(), block.end(), [](int16_t sample) { return sample == 0; });
  silent_ = silent ? silent_ + 1 : 0;
  if (silent_ > tail) return;
  std::lock_guard lock(mutex_);
  for (const auto& [number, take] : subscribers_) take(block);
}

void PipeAudio::run() {
  silent_ = 1000;
  int16_t samples[audio_block * audio_channels];
  size_t have = 0;  // bytes
  for (;;) {
    pollfd ready[] = {{pipe_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 && errno != EINTR) return;
    if (ready[1].revents) return;
    if (!ready[0].revents) continue;
    const ssize_t got = read(pipe_.get(), reinterpret_cast<char*>(samples) + have, sizeof samples - have);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return;  // the sound server ended; the session goes on without
    have += static_cast<size_t>(got);
    if (have < sizeof samples) continue;
    have = 0;
    give(samples);
  }
}

}  // namespace

std::unique_ptr<AudioSource> read_audio(base::Fd pipe, std::string name) {
  return std::make_unique<PipeAudio>(std::move(pipe), std::move(name));
}

}  // namespace desktop
