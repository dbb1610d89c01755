#include "desktop/web/viewer.h"

#include <nlohmann/json.hpp>

namespace desktop::web {

namespace {

using Json = nlohmann::json;

// More than this unsent, and the browser does not read: the stream's window allows a few pictures.
constexpr size_t most_unsent = 64u << 20;

class TextOffer final : public ClipboardOffer {
 public:
  explicit TextOffer(std::string text) : text_(std::move(text)) {}
  std::optional<std::string> text() override { return text_; }

 private:
  const std::string text_;
};

std::string as_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

WebViewer::WebViewer(Session& session, std::string client, size_t room_before, std::function<void()> news)
    : session_(session), client_(std::move(client)), room_before_(room_before), news_(std::move(news)) {
  StreamOptions options = session_.stream_options();
  options.codec = Codec::avc420;  // browsers decode 4:2:0
  if (session_.has_encoder())
    stream_ = std::make_unique<Stream>(session_, *this, options);
  else
    end("this host has no H.264 encoder; outboard desktop status says what was tried");
  courier_ = std::thread([this] { run_courier(); });
  if (Clipboard* clipboard = session_.clipboard())
    subscription_ = clipboard->subscribe([this] {
      std::scoped_lock held(courier_lock_);
      copied_ = true;
      courier_news_.notify_all();
    });
  id_ = session_.add(*this);
}

WebViewer::~WebViewer() {
  session_.remove(id_);
  if (subscription_) session_.clipboard()->unsubscribe(*subscription_);
  stream_.reset();
  session_.input().release_all();
  {
    std::scoped_lock held(courier_lock_);
    ending_ = true;
    courier_news_.notify_all();
  }
  courier_.join();
}

bool WebViewer::put(Message message) {
  {
    std::scoped_lock held(lock_);
    if (over_) return false;
    out_bytes_ += message.bytes.size();
    out_.push_back(std::move(message));
    if (out_bytes_ > most_unsent) over_ = true;
  }
  news_();
  return true;
}

bool WebViewer::put_text(const std::string& json) {
  Message message;
  message.bytes.resize(room_before_);
  message.bytes.insert(message.bytes.end(), json.begin(), json.end());
  message.text = true;
  return put(std::move(message));
}

bool WebViewer::take(Message& message) {
  std::scoped_lock held(lock_);
  if (out_.empty()) return false;
  message = std::move(out_.front());
  out_.pop_front();
  out_bytes_ -= message.bytes.size();
  return true;
}

bool WebViewer::over() const {
  std::scoped_lock held(lock_);
  return over_ && (out_.empty() || out_bytes_ > most_unsent);
}

void WebViewer::end(const std::string& reason) {
  if (!put_text(as_text({{"end", reason}}))) return;
  std::scoped_lock held(lock_);
  over_ = true;
  news_();
}

bool WebViewer::reshape(Size) { return true; }  // every picture tells its size

bool WebViewer::picture(const Picture& picture) { return put({write_picture(picture, room_before_), false}); }

bool WebViewer::cursor(const Cursor& cursor) { return put({write_cursor(cursor, room_before_), false}); }

bool WebViewer::receive(std::span<const uint8_t> bytes) {
  auto message = read_from_page(bytes);
  if (message) obey(*message);
  return message.has_value();
}

void WebViewer::obey(const FromPage& message) {
  InputSink& input = session_.input();
  const auto first = static_cast<int>(message.first), second = static_cast<int>(message.second);
  switch (message.what) {
    case Said::shown:
      if (stream_) stream_->acknowledge(static_cast<uint32_t>(message.first));
      break;
    case Said::key: input.key(static_cast<uint16_t>(first), second != 0); break;
    case Said::character: input.character(static_cast<char32_t>(message.first), second != 0); break;
    case Said::move: input.move(first, second); break;
    case Said::move_by: input.move_by(first, second); break;
    case Said::button:
      for (Button button : {Button::left, Button::middle, Button::right, Button::back, Button::forward})
        if (static_cast<int>(button) == first) input.button(button, second != 0);
      break;
    case Said::wheel: input.wheel(first, second); break;
    case Said::release: input.release_all(); break;
    case Said::resize:
      if (Size size{first, second}; sensible(size)) session_.resize(size);
      break;
    case Said::clipboard:
      if (Clipboard* clipboard = session_.clipboard())
        clipboard->offer(std::make_shared<TextOffer>(std::string(message.text)), subscription_.value_or(-1));
      break;
    case Said::pause:
      if (stream_) stream_->pause(first != 0);
      break;
    case Said::key_frame:
      if (stream_) stream_->force_key_frame();
      break;
    case Said::locks: input.set_locks({(first & 1) != 0, (first & 2) != 0, (first & 4) != 0}); break;
    case Said::statistics: {
      std::scoped_lock held(courier_lock_);
      wants_statistics_ = first != 0;
      courier_news_.notify_all();
      break;
    }
  }
}

ViewerStatistics WebViewer::statistics() {
  ViewerStatistics said;
  said.id = id_;
  said.kind = "web";
  said.client = client_;
  said.seconds = std::chrono::duration<double>(Clock::now() - came_).count();
  if (stream_) said.stream = stream_->statistics();
  said.clipboard = session_.clipboard() != nullptr;
  return said;
}

void WebViewer::tell_statistics() {
  const StreamStatistics now = statistics().stream;
  put_text(as_text({{"statistics",
                     {{"codec", now.codec},
                      {"encoder", now.encoder},
                      {"frames_per_second", now.frames_per_second},
                      {"lag_ms", now.lag_ms},
                      {"encode_ms", now.encode_ms},
                      {"window", now.window},
                      {"quality", now.quality},
                      {"megabits_per_second", now.megabits_per_second}}}}));
}

// Fetching the clipboard's text may take two seconds, and the stream tells only when asked that it ended.
void WebViewer::run_courier() {
  for (;;) {
    std::unique_lock held(courier_lock_);
    courier_news_.wait_for(held, std::chrono::seconds(1), [&] { return ending_ || copied_; });
    if (ending_) return;
    const bool copied = std::exchange(copied_, false), statistics = wants_statistics_;
    held.unlock();
    if (copied)
      if (auto text = session_.clipboard()->text()) put_text(as_text({{"clipboard", *text}}));
    if (!stream_) continue;
    if (stream_->ended()) end(stream_->reason());
    if (statistics && !copied) tell_statistics();
  }
}

}  // namespace desktop::web
