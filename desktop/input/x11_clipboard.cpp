// One thread owns the conversation with the X server; others leave a wish and wait for it.
#include "desktop/input/x11_clipboard.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <xcb/xfixes.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "desktop/capture/x11.h"
#include "desktop/picture.h"

namespace desktop {
namespace {

using x11::Connection;
using x11::own;
using namespace std::chrono_literals;

constexpr auto patience = 2s;

// ICCCM 2.6.2: STRING is Latin-1; characters beyond become question marks.
std::string to_latin1(const std::string& utf8) {
  std::string text;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<uint8_t>(utf8[i]);
    if (byte < 0x80) {
      text += utf8[i];
    } else if ((byte == 0xc2 || byte == 0xc3) && i + 1 < utf8.size()) {
      text += static_cast<char>((byte & 3) << 6 | (utf8[++i] & 0x3f));
    } else if (byte >= 0xc0) {
      text += '?';
    }
  }
  return text;
}

class X11Clipboard : public Clipboard {
 public:
  explicit X11Clipboard(Connection connection)
      : x_(std::move(connection)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~X11Clipboard() override {
    ending_ = true;
    wake();
    if (thread_.joinable()) thread_.join();
  }
  void start();

  void offer(std::shared_ptr<ClipboardOffer> offer, int from) override;
  int subscribe(std::function<void()> copied) override;
  void unsubscribe(int number) override;
  std::optional<std::string> text() override;

 private:
  void begin();
  void wake() { eventfd_write(wake_.get(), 1); }
  void run();
  // Takes one event if there is one within the time; false: there was none.
  bool step(std::chrono::milliseconds most);
  void handle(const xcb_generic_event_t& event);
  void answer(const xcb_selection_request_event_t& request);
  void tell(int except);
  void take_ownership();
  std::optional<std::string> fetch();
  std::optional<std::string> read_property(Clock::time_point until);
  std::optional<std::string> take_part(xcb_atom_t& type);

  Connection x_;
  base::Fd wake_;
  xcb_window_t window_ = 0;
  xcb_atom_t clipboard_ = 0, utf8_ = 0, targets_ = 0, text_ = 0, incremental_ = 0, property_ = 0;
  std::once_flag begun_;
  std::thread thread_;
  std::atomic<bool> ending_{false};

  // Of the thread alone.
  bool converted_ = false, refused_ = false, property_changed_ = false;

  std::mutex mutex_;
  std::condition_variable fetched_news_;
  std::shared_ptr<ClipboardOffer> offer_;
  bool offer_is_new_ = false;
  uint64_t asked_ = 0, answered_ = 0;
  std::optional<std::string> fetched_;

  std::recursive_mutex subscribers_mutex_;
  std::map<int, std::function<void()>> subscribers_;
  int next_subscriber_ = 1;
};

void X11Clipboard::start() {
  window_ = xcb_generate_id(x_);
  const uint32_t wanted = XCB_EVENT_MASK_PROPERTY_CHANGE;
  xcb_create_window(x_, XCB_COPY_FROM_PARENT, window_, x_.root(), -1, -1, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT,
                    XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK, &wanted);
  clipboard_ = x_.atom("CLIPBOARD");
  utf8_ = x_.atom("UTF8_STRING");
  targets_ = x_.atom("TARGETS");
  text_ = x_.atom("TEXT");
  incremental_ = x_.atom("INCR");
  property_ = x_.atom("OUTBOARD_CLIPBOARD");
  own(xcb_xfixes_query_version_reply(x_, xcb_xfixes_query_version(x_, 5, 0), nullptr));
  xcb_xfixes_select_selection_input(x_, window_, clipboard_, XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER);
  xcb_flush(x_);
}

// With the first viewer, because a process enters its sandbox with one thread.
void X11Clipboard::begin() {
  std::call_once(begun_, [this] { thread_ = std::thread([this] { run(); }); });
}

void X11Clipboard::offer(std::shared_ptr<ClipboardOffer> offer, int from) {
  {
    std::lock_guard lock(mutex_);
    offer_ = std::move(offer);
    offer_is_new_ = true;
  }
  wake();
  tell(from);
}

int X11Clipboard::subscribe(std::function<void()> copied) {
  begin();
  std::lock_guard lock(subscribers_mutex_);
  subscribers_.emplace(next_subscriber_, std::move(copied));
  return next_subscriber_++;
}

void X11Clipboard::unsubscribe(int number) {
  std::lock_guard lock(subscribers_mutex_);
  subscribers_.erase(number);
}

void X11Clipboard::tell(int except) {
  std::lock_guard lock(subscribers_mutex_);
  for (const auto& [number, copied] : subscribers_)
    if (number != except) copied();
}

std::optional<std::string> X11Clipboard::text() {
  std::unique_lock lock(mutex_);
  if (auto offer = offer_) {  // of another viewer: the X server need not be asked
    lock.unlock();
    return offer->text();
  }
  const uint64_t mine = ++asked_;
  wake();
  if (!fetched_news_.wait_for(lock, patience + 500ms, [&] { return answered_ >= mine; })) return std::nullopt;
  return fetched_;
}

void X11Clipboard::run() {
  while (!ending_ && !x_.broken()) {
    step(10min);
    bool take = false;
    uint64_t wish = 0;
    {
      std::lock_guard lock(mutex_);
      take = std::exchange(offer_is_new_, false);
      if (asked_ != answered_) wish = asked_;
    }
    if (take) take_ownership();
    if (!wish) continue;
    auto text = fetch();
    std::lock_guard lock(mutex_);
    fetched_ = std::move(text);
    answered_ = wish;
    fetched_news_.notify_all();
  }
}

void X11Clipboard::take_ownership() {
  xcb_set_selection_owner(x_, window_, clipboard_, XCB_CURRENT_TIME);
  xcb_flush(x_);
}

bool X11Clipboard::step(std::chrono::milliseconds most) {
  auto event = own(xcb_poll_for_event(x_));
  if (!event) {
    pollfd ready[] = {{xcb_get_file_descriptor(x_), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    poll(ready, 2, static_cast<int>(most.count()));
    eventfd_t count;
    eventfd_read(wake_.get(), &count);
    event = own(xcb_poll_for_event(x_));
  }
  if (event) handle(*event);
  return event != nullptr;
}

void X11Clipboard::handle(const xcb_generic_event_t& event) {
  const uint8_t type = event.response_type & 0x7f;
  if (type == x_.first_event(&xcb_xfixes_id) + XCB_XFIXES_SELECTION_NOTIFY) {
    const auto& now = reinterpret_cast<const xcb_xfixes_selection_notify_event_t&>(event);
    if (now.owner == window_ || now.owner == XCB_NONE) return;
    {
      std::lock_guard lock(mutex_);
      if (!offer_is_new_) offer_.reset();
    }
    tell(0);
  } else if (type == XCB_SELECTION_REQUEST) {
    answer(reinterpret_cast<const xcb_selection_request_event_t&>(event));
  } else if (type == XCB_SELECTION_NOTIFY) {
    const auto& now = reinterpret_cast<const xcb_selection_notify_event_t&>(event);
    converted_ = true;
    refused_ = now.property == XCB_NONE;
  } else if (type == XCB_PROPERTY_NOTIFY) {
    const auto& now = reinterpret_cast<const xcb_property_notify_event_t&>(event);
    if (now.window == window_ && now.atom == property_ && now.state == XCB_PROPERTY_NEW_VALUE) property_changed_ = true;
  }
}

// ICCCM 2.2: what a selection's owner does when somebody pastes.
void X11Clipboard::answer(const xcb_selection_request_event_t& request) {
  xcb_selection_notify_event_t reply{};
  reply.response_type = XCB_SELECTION_NOTIFY;
  reply.time = request.time;
  reply.requestor = request.requestor;
  reply.selection = request.selection;
  reply.target = request.target;
  const xcb_atom_t property = request.property ? request.property : request.target;
  std::shared_ptr<ClipboardOffer> offer;
  {
    std::lock_guard lock(mutex_);
    offer = offer_;
  }
  if (request.target == targets_) {
    const xcb_atom_t kinds[] = {targets_, utf8_, text_, XCB_ATOM_STRING};
    xcb_change_property(x_, XCB_PROP_MODE_REPLACE, request.requestor, property, XCB_ATOM_ATOM, 32, 4, kinds);
    reply.property = property;
  } else if (offer && (request.target == utf8_ || request.target == text_ || request.target == XCB_ATOM_STRING)) {
    auto text = offer->text();
    const bool latin = request.target == XCB_ATOM_STRING;
    if (text && latin) text = to_latin1(*text);
    if (text && text->size() <= most_clipboard_bytes && text->size() / 4 + 64 < xcb_get_maximum_request_length(x_)) {
      xcb_change_property(x_, XCB_PROP_MODE_REPLACE, request.requestor, property,
                          latin ? static_cast<xcb_atom_t>(XCB_ATOM_STRING) : utf8_, 8,
                          static_cast<uint32_t>(text->size()), text->data());
      reply.property = property;
    }
  }
  xcb_send_event(x_, 0, request.requestor, 0, reinterpret_cast<const char*>(&reply));
  xcb_flush(x_);
}

std::optional<std::string> X11Clipboard::take_part(xcb_atom_t& type) {
  auto cookie = xcb_get_property(x_, 1, window_, property_, XCB_GET_PROPERTY_TYPE_ANY, 0, most_clipboard_bytes / 4);
  auto part = own(xcb_get_property_reply(x_, cookie, nullptr));
  if (!part) return std::nullopt;
  type = part->type;
  return std::string(static_cast<const char*>(xcb_get_property_value(part.get())),
                     static_cast<size_t>(xcb_get_property_value_length(part.get())));
}

// ICCCM 2.7.2: a large text comes in parts, each after the one before was taken; the last is empty.
std::optional<std::string> X11Clipboard::read_property(Clock::time_point until) {
  xcb_atom_t type = XCB_NONE;
  property_changed_ = false;
  auto text = take_part(type);
  if (!text || type != incremental_) return text;
  text->clear();
  while (Clock::now() < until && !x_.broken() && !ending_) {
    xcb_flush(x_);
    if (!property_changed_) {
      step(50ms);
      continue;
    }
    property_changed_ = false;
    auto part = take_part(type);
    if (!part) return std::nullopt;
    if (part->empty()) return text;
    *text += *part;
    if (text->size() > most_clipboard_bytes) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> X11Clipboard::fetch() {
  const auto until = Clock::now() + patience;
  auto owner = own(xcb_get_selection_owner_reply(x_, xcb_get_selection_owner(x_, clipboard_), nullptr));
  if (!owner || owner->owner == XCB_NONE || owner->owner == window_) return std::nullopt;
  for (xcb_atom_t target : {utf8_, static_cast<xcb_atom_t>(XCB_ATOM_STRING)}) {
    converted_ = refused_ = false;
    xcb_convert_selection(x_, window_, clipboard_, target, property_, XCB_CURRENT_TIME);
    xcb_flush(x_);
    while (!converted_ && Clock::now() < until && !x_.broken() && !ending_) step(50ms);
    if (!converted_) return std::nullopt;
    if (!refused_) return read_property(until);
  }
  return std::nullopt;
}

}  // namespace

base::Result<std::unique_ptr<Clipboard>> open_x11_clipboard(const std::string& display) {
  Connection connection = TRY(Connection::open(display));
  if (!connection.has(&xcb_xfixes_id)) return base::Error{"the X display " + display + " lacks the extension XFIXES"};
  auto clipboard = std::make_unique<X11Clipboard>(std::move(connection));
  clipboard->start();
  return std::unique_ptr<Clipboard>(std::move(clipboard));
}

}  // namespace desktop
