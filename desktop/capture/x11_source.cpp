#include "desktop/capture/x11_source.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xcb/damage.h>
#include <xcb/randr.h>
#include <xcb/shm.h>
#include <xcb/xfixes.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/fd.h"
#include "desktop/capture/x11.h"
#include "desktop/capture/x11_resize.h"

namespace desktop {
namespace {

using x11::Connection;
using x11::own;

// A picture in memory that the X server writes into.
struct SharedPicture {
  SharedPicture(size_t size, uint8_t* pixels) : size(size), pixels(pixels) {}
  ~SharedPicture() { munmap(pixels, size); }
  SharedPicture(const SharedPicture&) = delete;
  SharedPicture& operator=(const SharedPicture&) = delete;
  size_t size;
  uint8_t* pixels;
};

class X11Source : public DisplaySource {
 public:
  X11Source(Connection events, Connection grabbing, Connection resizing, X11SourceOptions options)
      : events_(std::move(events)),
        grabbing_(std::move(grabbing)),
        resizing_(std::move(resizing)),
        options_(std::move(options)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  base::Status start();
  Size size() const override { return {width_, height_}; }
  Change wait(std::chrono::milliseconds most) override;
  void wake() override { eventfd_write(wake_.get(), 1); }
  base::Status grab(Frame& frame, Damage& changed) override;
  Cursor cursor() override;
  base::Status resize(Size wanted) override;
  std::string name() const override { return options_.name; }

 private:
  void note(const xcb_generic_event_t& event, Change& change);
  base::Status share(Frame& frame);
  Damage fetch_damage();

  // Events have their own, because a thread that waits for a reply takes events off the socket, where the watcher would
  // wait for them; resizing has, so that grabs go on meanwhile.
  Connection events_, grabbing_, resizing_;
  X11SourceOptions options_;
  base::Fd wake_;
  std::atomic<int> width_{0}, height_{0};
  xcb_damage_damage_t damage_ = 0;
  xcb_xfixes_region_t region_ = 0;
  xcb_shm_seg_t segment_ = 0;
  uint64_t cursor_serial_ = 0, frame_serial_ = 0;
  std::mutex grabbing_mutex_;
};

base::Status X11Source::start() {
  struct Needed {
    xcb_extension_t* extension;
    const char* name;
  };
  for (const Needed& each : {Needed{&xcb_damage_id, "DAMAGE"}, Needed{&xcb_shm_id, "MIT-SHM"},
                             Needed{&xcb_xfixes_id, "XFIXES"}, Needed{&xcb_randr_id, "RANDR"}})
    if (!events_.has(each.extension))
      return base::Error{"the X display " + options_.display + " lacks the extension " + each.name};
  for (Connection* each : {&events_, &grabbing_}) {
    own(xcb_damage_query_version_reply(*each, xcb_damage_query_version(*each, 1, 1), nullptr));
    own(xcb_xfixes_query_version_reply(*each, xcb_xfixes_query_version(*each, 5, 0), nullptr));
    own(xcb_randr_query_version_reply(*each, xcb_randr_query_version(*each, 1, 4), nullptr));
  }
  auto shm = own(xcb_shm_query_version_reply(grabbing_, xcb_shm_query_version(grabbing_), nullptr));
  if (!shm || shm->major_version * 100 + shm->minor_version < 102)
    return base::Error{"the X display " + options_.display + " cannot share memory by descriptor (MIT-SHM 1.2)"};
  auto geometry = own(xcb_get_geometry_reply(grabbing_, xcb_get_geometry(grabbing_, grabbing_.root()), nullptr));
  if (!geometry || (geometry->depth != 24 && geometry->depth != 32))
    return base::Error{"the X display " + options_.display + " does not have 24 bits a pixel"};
  width_ = geometry->width;
  height_ = geometry->height;
  damage_ = xcb_generate_id(events_);
  xcb_damage_create(events_, damage_, events_.root(), XCB_DAMAGE_REPORT_LEVEL_NON_EMPTY);
  xcb_xfixes_select_cursor_input(events_, events_.root(), XCB_XFIXES_CURSOR_NOTIFY_MASK_DISPLAY_CURSOR);
  xcb_randr_select_input(events_, events_.root(), XCB_RANDR_NOTIFY_MASK_SCREEN_CHANGE);
  region_ = xcb_generate_id(grabbing_);
  xcb_xfixes_create_region(grabbing_, region_, 0, nullptr);
  xcb_flush(grabbing_);
  xcb_flush(events_);
  return base::Done{};
}

void X11Source::note(const xcb_generic_event_t& event, Change& change) {
  const uint8_t type = event.response_type & 0x7f;
  if (type == events_.first_event(&xcb_damage_id) + XCB_DAMAGE_NOTIFY) {
    change.picture = true;
  } else if (type == events_.first_event(&xcb_xfixes_id) + XCB_XFIXES_CURSOR_NOTIFY) {
    change.cursor = true;
  } else if (type == events_.first_event(&xcb_randr_id) + XCB_RANDR_SCREEN_CHANGE_NOTIFY) {
    const auto& now = reinterpret_cast<const xcb_randr_screen_change_notify_event_t&>(event);
    if (now.width == width_ && now.height == height_) return;
    width_ = now.width;
    height_ = now.height;
    change.size = change.picture = true;
  }
}

DisplaySource::Change X11Source::wait(std::chrono::milliseconds most) {
  Change change;
  auto drain = [&] {
    bool any = false;
    while (auto event = own(xcb_poll_for_event(events_))) {
      note(*event, change);
      any = true;
    }
    return any;
  };
  if (!drain()) {
    pollfd ready[] = {{xcb_get_file_descriptor(events_), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    poll(ready, 2, static_cast<int>(most.count()));
    eventfd_t count;
    eventfd_read(wake_.get(), &count);
    drain();
  }
  change.gone = events_.broken();
  return change;
}

// Memory of the frame's size, that the server writes into as well.
base::Status X11Source::share(Frame& frame) {
  const Size now = size();
  if (frame.pixels && frame.size == now) return base::Done{};
  const size_t stride = static_cast<size_t>(now.width) * 4, bytes = stride * static_cast<size_t>(now.height);
  base::Fd memory(memfd_create("outboard-frame", MFD_CLOEXEC));
  if (!memory.valid() || ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0)
    return base::Error{std::string("no memory for a picture: ") + std::strerror(errno)};
  void* pixels = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (pixels == MAP_FAILED) return base::Error{std::string("no memory for a picture: ") + std::strerror(errno)};
  auto picture = std::make_shared<SharedPicture>(bytes, static_cast<uint8_t*>(pixels));
  if (segment_) xcb_shm_detach(grabbing_, segment_);
  segment_ = xcb_generate_id(grabbing_);
  auto attached = xcb_shm_attach_fd_checked(grabbing_, segment_, memory.release(), 0);
  if (own(xcb_request_check(grabbing_, attached))) {
    segment_ = 0;
    return base::Error{"the X server does not take shared memory; it must run on this machine"};
  }
  frame.size = now;
  frame.stride = stride;
  frame.pixels = picture->pixels;
  frame.memory = picture;
  return base::Done{};
}

Damage X11Source::fetch_damage() {
  Damage damage;
  xcb_damage_subtract(grabbing_, damage_, XCB_NONE, region_);
  auto region = own(xcb_xfixes_fetch_region_reply(grabbing_, xcb_xfixes_fetch_region(grabbing_, region_), nullptr));
  if (!region) return damage;
  const xcb_rectangle_t* rectangles = xcb_xfixes_fetch_region_rectangles(region.get());
  const int count = xcb_xfixes_fetch_region_rectangles_length(region.get());
  for (int i = 0; i < count; ++i)
    damage.add(clipped({rectangles[i].x, rectangles[i].y, rectangles[i].width, rectangles[i].height}, size()));
  return damage;
}

base::Status X11Source::grab(Frame& frame, Damage& changed) {
  std::lock_guard lock(grabbing_mutex_);
  const bool whole = !frame.pixels || !(frame.size == size());
  TRY(share(frame));
  Damage damage = fetch_damage();  // before the picture: what comes between is damage again
  if (whole) damage.add_all(frame.size);
  const Rectangle bounds = clipped(damage.bounds(), frame.size);
  if (bounds.empty()) return base::Done{};
  // Whole rows, because then the server writes them where they belong.
  auto cookie = xcb_shm_get_image(grabbing_, grabbing_.root(), 0, static_cast<int16_t>(bounds.y),
                                  static_cast<uint16_t>(frame.size.width), static_cast<uint16_t>(bounds.height), ~0u,
                                  XCB_IMAGE_FORMAT_Z_PIXMAP, segment_,
                                  static_cast<uint32_t>(static_cast<size_t>(bounds.y) * frame.stride));
  xcb_generic_error_t* error = nullptr;
  auto image = own(xcb_shm_get_image_reply(grabbing_, cookie, &error));
  std::free(error);
  if (grabbing_.broken()) return base::Error{"the X server ended"};
  if (!image) return base::Error{""};  // the size changed in between: the watcher will tell
  frame.serial = ++frame_serial_;
  frame.grabbed = Clock::now();
  changed.add(damage);
  return base::Done{};
}

Cursor X11Source::cursor() {
  std::lock_guard lock(grabbing_mutex_);
  Cursor cursor;
  auto image = own(xcb_xfixes_get_cursor_image_reply(grabbing_, xcb_xfixes_get_cursor_image(grabbing_), nullptr));
  cursor.serial = ++cursor_serial_;
  if (!image || image->width > 384 || image->height > 384)
    return cursor;  // MS-RDPBCGR 2.2.9.1.1.4.5: at most 96 or 384
  cursor.size = {image->width, image->height};
  cursor.hot_x = image->xhot;
  cursor.hot_y = image->yhot;
  const uint32_t* pixels = xcb_xfixes_get_cursor_image_cursor_image(image.get());
  cursor.pixels.assign(pixels, pixels + image->width * image->height);
  bool seen = false;
  for (uint32_t& pixel : cursor.pixels) {
    const uint32_t alpha = pixel >> 24;
    seen = seen || alpha;
    auto straight = [&](uint32_t value) { return alpha ? std::min(255u, (value & 255) * 255 / alpha) : 0; };
    pixel = alpha << 24 | straight(pixel >> 16) << 16 | straight(pixel >> 8) << 8 | straight(pixel);
  }
  if (!seen) cursor.pixels.clear();
  return cursor;
}

base::Status X11Source::resize(Size wanted) {
  if (!options_.may_resize) return base::Error{"the size of " + options_.name + " is not ours to change"};
  if (!sensible(wanted)) return base::Error{"no display has this size"};
  return x11::resize_screen(resizing_, wanted);
}

}  // namespace

base::Result<std::unique_ptr<DisplaySource>> open_x11_source(const X11SourceOptions& options) {
  Connection events = TRY(Connection::open(options.display));
  Connection grabbing = TRY(Connection::open(options.display));
  Connection resizing = TRY(Connection::open(options.display));
  auto source = std::make_unique<X11Source>(std::move(events), std::move(grabbing), std::move(resizing), options);
  TRY(source->start());
  return std::unique_ptr<DisplaySource>(std::move(source));
}

}  // namespace desktop
