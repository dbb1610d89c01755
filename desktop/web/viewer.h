// One browser that looks at the session: its stream, what it types and points, its clipboard, statistics.
//
// The server's thread hands messages in and takes messages out; the stream's thread and the courier's put them in.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "desktop/session.h"
#include "desktop/web/messages.h"

namespace desktop::web {

struct Message {
  std::vector<uint8_t> bytes;  // after `room_before` bytes that are the library's
  bool text = false;
};

class WebViewer final : public Viewer, public PictureSink {
 public:
  // `news` is called on any thread when there is something to take. `client` is the browser's name: untrusted.
  WebViewer(Session& session, std::string client, size_t room_before, std::function<void()> news);
  ~WebViewer() override;

  // By the server's thread. False: this is no message, the browser is to be dropped.
  bool receive(std::span<const uint8_t> bytes);
  // What is to be sent next; false: nothing now.
  bool take(Message& message);
  // Whether the connection is to be closed once all is sent.
  bool over() const;

  ViewerStatistics statistics() override;
  void end(const std::string& reason) override;

 private:
  bool reshape(Size size) override;
  bool picture(const Picture& picture) override;
  bool cursor(const Cursor& cursor) override;

  void obey(const FromPage& message);
  bool put(Message message);
  bool put_text(const std::string& json);
  void run_courier();
  void tell_statistics();

  Session& session_;
  const std::string client_;
  const size_t room_before_;
  const std::function<void()> news_;
  const Clock::time_point came_ = Clock::now();
  uint64_t id_ = 0;
  std::optional<int> subscription_;
  mutable std::mutex lock_;
  std::deque<Message> out_;
  size_t out_bytes_ = 0;
  bool over_ = false;
  // What may take its time is done by the courier: fetching the clipboard's text, statistics.
  std::mutex courier_lock_;
  std::condition_variable courier_news_;
  bool copied_ = false, wants_statistics_ = false, ending_ = false;
  std::thread courier_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace desktop::web
