#include "desktop/rdp/viewer.h"

#include <sys/socket.h>

#include "base/log.h"
#include "desktop/rdp/input.h"
#include "desktop/text.h"

namespace desktop::rdp {

using namespace std::chrono_literals;

InputSink& input_sink_of(rdpContext* context) { return RdpViewer::of(context).session_.input(); }

RdpViewer::RdpViewer(const Shared& shared, base::Fd socket)
    : shared_(shared), session_(shared.session), socket_(dup(socket.get())), peer_socket_(socket.release()) {
  thread_ = std::thread([this] { run(); });
}

RdpViewer::~RdpViewer() {
  end("the session ends");
  thread_.join();
}

// Whatever the thread waits for comes to an end with the connection.
void RdpViewer::end(const std::string& reason) {
  {
    std::lock_guard lock(mutex_);
    if (reason_.empty()) reason_ = reason;
  }
  ending_ = true;
  shutdown(socket_.get(), SHUT_RDWR);
  renegotiated_.notify_all();
}

ViewerStatistics RdpViewer::statistics() {
  ViewerStatistics now;
  now.kind = "rdp";
  now.seconds = std::chrono::duration<double>(Clock::now() - since_).count();
  std::lock_guard lock(mutex_);
  now.client = client_;
  if (stream_) now.stream = stream_->statistics();
  if (now.stream.codec == "bitmap") now.stream.codec = bitmaps_ ? bitmaps_->codec() : "progressive";
  now.clipboard = clipboard_ && clipboard_->open();
  now.sound = sound_ && sound_->playing();
  now.sound_confirmed = sound_ ? sound_->confirmed() : 0;
  return now;
}

void RdpViewer::run() {
  if (set_up()) {
    while (!ending_ && turn()) {
    }
    if (!entered_ && tried_) refused_password();
  }
  tear_down();
  finished_ = true;
}

void RdpViewer::refused_password() {
  session_.credentials().refused();
  base::log(base::Level::warn, "wrong-password", {{"user", to_utf8(to_utf16(claimed_user_.substr(0, 64)))}});
}

bool RdpViewer::set_up() {
  news_ = CreateEvent(nullptr, TRUE, FALSE, nullptr);
  peer_ = freerdp_peer_new(peer_socket_);
  if (!peer_ || !news_) return false;
  peer_->ContextSize = sizeof(Context);
  if (!freerdp_peer_context_new(peer_)) return false;
  reinterpret_cast<Context*>(peer_->context)->viewer = this;
  set_settings(peer_->context->settings);
  set_hash_callback(peer_, on_hash);
  peer_->Logon = on_logon;
  peer_->PostConnect = on_post_connect;
  peer_->Activate = on_activate;
  register_input(peer_->context->input);
  rdpUpdate* update = peer_->context->update;
  update->SuppressOutput = on_suppress;
  update->RefreshRect = on_refresh;
  update->SurfaceFrameAcknowledge = on_frame_acknowledged;
  if (!peer_->Initialize(peer_)) return false;
  channels_ = WTSOpenServerA(reinterpret_cast<LPSTR>(peer_->context));
  return channels_ != nullptr && channels_ != INVALID_HANDLE_VALUE;
}

void RdpViewer::set_settings(rdpSettings* settings) {
  set_certificate(settings, shared_.certificate.certificate, shared_.certificate.key);
  const Size size = session_.screen().size();
  freerdp_settings_set_uint32(settings, FreeRDP_DesktopWidth, static_cast<UINT32>(size.width));
  freerdp_settings_set_uint32(settings, FreeRDP_DesktopHeight, static_cast<UINT32>(size.height));
  freerdp_settings_set_uint32(settings, FreeRDP_ColorDepth, 32);
  freerdp_settings_set_uint32(settings, FreeRDP_MultifragMaxRequestSize, 0xFFFFFF);
  freerdp_settings_set_uint32(settings, FreeRDP_EncryptionLevel, ENCRYPTION_LEVEL_CLIENT_COMPATIBLE);
  freerdp_settings_set_uint32(settings, FreeRDP_FrameAcknowledge, 0);
  // With TLS allowed beside it, the library would let clients in that ask for TLS, without a password.
  freerdp_settings_set_bool(settings, FreeRDP_NlaSecurity, TRUE);
  for (auto off : {FreeRDP_TlsSecurity, FreeRDP_RdpSecurity, FreeRDP_ExtSecurity, FreeRDP_NSCodec, FreeRDP_GfxH264,
                   FreeRDP_NetworkAutoDetect})
    freerdp_settings_set_bool(settings, off, FALSE);
  for (auto on : {FreeRDP_SurfaceFrameMarkerEnabled, FreeRDP_FrameMarkerCommandEnabled, FreeRDP_SurfaceCommandsEnabled,
                  FreeRDP_DrawAllowSkipAlpha, FreeRDP_SuppressOutput, FreeRDP_RefreshRect, FreeRDP_FastPathOutput,
                  FreeRDP_FastPathInput, FreeRDP_UnicodeInput, FreeRDP_HasHorizontalWheel,
                  FreeRDP_HasExtendedMouseEvent, FreeRDP_SupportDynamicChannels, FreeRDP_DynamicResolutionUpdate})
    freerdp_settings_set_bool(settings, on, TRUE);
  freerdp_settings_set_bool(settings, FreeRDP_SupportGraphicsPipeline, shared_.graphics);
  freerdp_settings_set_bool(settings, FreeRDP_RemoteFxCodec, shared_.remotefx);
}

void RdpViewer::tear_down() {
  std::unique_ptr<Stream> stream;
  {
    std::lock_guard lock(mutex_);
    if (reason_.empty()) reason_ = stream_ && !stream_->reason().empty() ? stream_->reason() : "the client left";
    stream = std::move(stream_);
    ending_ = true;
    renegotiated_.notify_all();
  }
  stream.reset();  // threads that send end before what they send through
  if (id_) {
    session_.input().release_all();
    session_.remove(id_);
    base::log(base::Level::info, "viewer-left", {{"id", std::to_string(id_)}, {"why", reason_}});
  }
  sound_.reset();
  clipboard_.reset();
  if (display_control_) display_control_->Close(display_control_.get());
  display_control_.reset();
  graphics_.reset();
  bitmaps_.reset();
  if (peer_ && peer_->context) peer_->Disconnect(peer_);
  if (channels_ && channels_ != INVALID_HANDLE_VALUE) WTSCloseServer(channels_);
  if (peer_ && peer_->context) freerdp_peer_context_free(peer_);
  if (peer_) freerdp_peer_free(peer_);
  if (news_) CloseHandle(news_);
}

// Until the client says something, or half a second.
bool RdpViewer::listen() {
  HANDLE events[32];
  DWORD count = peer_->GetEventHandles(peer_, events, 28);
  if (count == 0) return false;
  events[count++] = news_;
  events[count++] = WTSVirtualChannelManagerGetEventHandle(channels_);
  WaitForMultipleObjects(count, events, FALSE, 500);
  ResetEvent(news_);
  return peer_->CheckFileDescriptor(peer_);
}

bool RdpViewer::turn() {
  if (!listen()) return false;
  // Before activation clients do not expect channels to speak.
  if (activated_ && !WTSVirtualChannelManagerCheckFileDescriptor(channels_)) return false;
  return !activated_ || tend();
}

// What is due once the client is active.
bool RdpViewer::tend() {
  if (!opened_channels_) open_channels();
  Size wanted;
  bool begin = false;
  {
    std::lock_guard lock(mutex_);
    if (stream_ && stream_->ended()) return false;
    if (renegotiating_) std::swap(wanted, wanted_size_);
    begin = !stream_;
  }
  if (!(wanted == Size{})) {
    freerdp_settings_set_uint32(peer_->context->settings, FreeRDP_DesktopWidth, static_cast<UINT32>(wanted.width));
    freerdp_settings_set_uint32(peer_->context->settings, FreeRDP_DesktopHeight, static_cast<UINT32>(wanted.height));
    if (!peer_->context->update->DesktopResize(peer_->context)) return false;
  }
  if (!begin) return true;
  const bool dynamic = shared_.graphics && WTSVirtualChannelManagerIsChannelJoined(channels_, "drdynvc") &&
                       freerdp_settings_get_bool(peer_->context->settings, FreeRDP_SupportGraphicsPipeline);
  return dynamic ? begin_graphics() : begin_bitmaps();
}

void RdpViewer::open_channels() {
  opened_channels_ = true;
  rdpContext* context = peer_->context;
  std::unique_ptr<ClipboardChannel> clipboard;
  std::unique_ptr<Sound> sound;
  if (session_.clipboard() && WTSVirtualChannelManagerIsChannelJoined(channels_, "cliprdr"))
    clipboard = std::make_unique<ClipboardChannel>(*session_.clipboard(), context, channels_);
  if (session_.audio() && WTSVirtualChannelManagerIsChannelJoined(channels_, "rdpsnd"))
    sound = std::make_unique<Sound>(*session_.audio(), context, channels_);
  std::lock_guard lock(mutex_);
  clipboard_ = std::move(clipboard);
  sound_ = std::move(sound);
}

bool RdpViewer::open_graphics() {
  auto ready = [this](const GraphicsCapabilities& chosen) {
    std::lock_guard lock(mutex_);
    capabilities_ = chosen;
    graphics_ready_ = true;
    SetEvent(news_);
  };
  auto acknowledged = [this](UINT32 frame, UINT32 queue_depth) {
    std::lock_guard lock(mutex_);
    if (!stream_) return;
    if (queue_depth == SUSPEND_FRAME_ACKNOWLEDGEMENT) stream_->acknowledge_no_more();
    stream_->acknowledge(frame);
  };
  graphics_ = std::make_unique<Graphics>(peer_->context, channels_, Graphics::Callbacks{ready, acknowledged});
  return graphics_->open();
}

// A client without it keeps the size that it came with.
void RdpViewer::open_display_control() {
  display_control_.reset(disp_server_context_new(channels_));
  if (!display_control_) return;
  display_control_->custom = this;
  display_control_->rdpcontext = peer_->context;
  display_control_->MaxNumMonitors = 1;
  display_control_->MaxMonitorAreaFactorA = most_extent;
  display_control_->MaxMonitorAreaFactorB = most_extent;
  display_control_->DispMonitorLayout = on_layout;
  if (display_control_->Open(display_control_.get()) != CHANNEL_RC_OK) display_control_.reset();
  if (display_control_) display_control_->DisplayControlCaps(display_control_.get());
}

// Called until the client has said what it takes.
bool RdpViewer::begin_graphics() {
  if (WTSVirtualChannelManagerGetDrdynvcState(channels_) != DRDYNVC_STATE_READY) {
    if (Clock::now() - activated_at_ < 5s) return true;
    return begin_bitmaps();
  }
  if (!graphics_) {
    if (!open_graphics()) return begin_bitmaps();
    open_display_control();
  }
  GraphicsCapabilities chosen;
  {
    std::lock_guard lock(mutex_);
    if (!graphics_ready_) {
      if (Clock::now() - activated_at_ < 10s) return true;
      reason_ = "the client opened the graphics channel and never said what it takes";
      return false;
    }
    chosen = capabilities_;
  }
  Codec codec = Codec::bitmap;
  if (session_.has_encoder() && shared_.h264 && chosen.h264)
    codec = chosen.full_colour && shared_.full_colour ? Codec::avc444 : Codec::avc420;
  begin_stream(*graphics_, codec);
  return true;
}

// The client shows its own sentence for it (MS-RDPBCGR 2.2.5.1.1) and leaves; who is cut off first may never read it.
// Sent on its own, too: in the order in which closing sends it, after deactivation, FreeRDP 3's client takes no notice.
void RdpViewer::tell(UINT32 error) {
  freerdp_set_error_info(peer_->context->rdp, error);
  freerdp_send_error_info(peer_->context->rdp);
  peer_->Close(peer_);
  const auto end = Clock::now() + 5s;
  while (!ending_ && Clock::now() < end && listen()) {
  }
}

bool RdpViewer::begin_bitmaps() {
  base::Status suits = Bitmaps::suits(peer_->context->settings);
  if (!suits) {
    base::log(base::Level::warn, "no-codec", {{"why", suits.error()}});
    tell(ERRINFO_GRAPHICS_MODE_NOT_SUPPORTED);
    std::lock_guard lock(mutex_);
    reason_ = suits.error();
    return false;
  }
  auto resize = [this](Size size) { return negotiate_size(size); };
  auto acknowledge = [this](UINT32 frame) { on_frame_acknowledged(peer_->context, frame); };
  {
    std::lock_guard lock(mutex_);
    bitmaps_ = std::make_unique<Bitmaps>(peer_->context, Bitmaps::Callbacks{resize, acknowledge});
  }
  begin_stream(*bitmaps_, Codec::bitmap);
  return true;
}

void RdpViewer::begin_stream(PictureSink& sink, Codec codec) {
  StreamOptions options = session_.stream_options();
  options.codec = codec;
  options.may_fall_back = true;
  base::log(base::Level::info, "viewer-sees", {{"id", std::to_string(id_)}, {"codec", name_of(codec)}});
  std::lock_guard lock(mutex_);
  stream_ = std::make_unique<Stream>(session_, sink, options);
}

// On the stream's thread: the connection's thread does the work, and the client takes part (MS-RDPBCGR 1.3.1.3).
bool RdpViewer::negotiate_size(Size size) {
  std::unique_lock lock(mutex_);
  wanted_size_ = size;
  renegotiating_ = true;
  SetEvent(news_);
  renegotiated_.wait_for(lock, 10s, [&] { return !renegotiating_ || ending_; });
  return !renegotiating_ && !ending_;
}

SECURITY_STATUS RdpViewer::on_hash(void* peer, const SEC_WINNT_AUTH_IDENTITY* identity, const SecBuffer*, const BYTE*,
                                   const BYTE*, const SecBuffer*, BYTE* hash) {
  constexpr SECURITY_STATUS known = 1, unknown = 0;  // the library takes it for a truth value
  RdpViewer& viewer = of(static_cast<freerdp_peer*>(peer)->context);
  viewer.tried_ = true;
  viewer.claimed_user_ = to_utf8({reinterpret_cast<const char16_t*>(identity->User), identity->UserLength});
  const auto password = viewer.session_.credentials().password_of(viewer.claimed_user_);
  if (!password) return unknown;
  std::u16string wide = to_utf16(*password);
  const BOOL made =
      NTOWFv2W(reinterpret_cast<LPWSTR>(wide.data()), static_cast<UINT32>(wide.size() * 2),
               reinterpret_cast<LPWSTR>(const_cast<UINT16*>(identity->User)), identity->UserLength * 2,
               reinterpret_cast<LPWSTR>(const_cast<UINT16*>(identity->Domain)), identity->DomainLength * 2, hash);
  return made ? known : unknown;
}

// After NLA has succeeded, or without it, which nobody gets past.
BOOL RdpViewer::on_logon(freerdp_peer* peer, LogonIdentity*, BOOL automatic) {
  RdpViewer& viewer = of(peer->context);
  viewer.entered_ = automatic && viewer.tried_ && viewer.session_.credentials().use(viewer.claimed_user_);
  if (!viewer.entered_) viewer.ending_ = true;
  return viewer.entered_;
}

BOOL RdpViewer::on_post_connect(freerdp_peer* peer) {
  RdpViewer& viewer = of(peer->context);
  if (!viewer.entered_) return FALSE;
  rdpSettings* settings = peer->context->settings;
  const char* host = freerdp_settings_get_string(settings, FreeRDP_ClientHostname);
  {
    std::lock_guard lock(viewer.mutex_);
    viewer.client_ = host ? host : "";
  }
  const Size wanted{static_cast<int>(freerdp_settings_get_uint32(settings, FreeRDP_DesktopWidth)),
                    static_cast<int>(freerdp_settings_get_uint32(settings, FreeRDP_DesktopHeight))};
  if (viewer.session_.viewers() == 0) viewer.session_.resize(wanted);
  const Size size = viewer.session_.screen().size();
  freerdp_settings_set_uint32(settings, FreeRDP_DesktopWidth, static_cast<UINT32>(size.width));
  freerdp_settings_set_uint32(settings, FreeRDP_DesktopHeight, static_cast<UINT32>(size.height));
  viewer.session_.input().set_layout(freerdp_settings_get_uint32(settings, FreeRDP_KeyboardLayout));
  viewer.id_ = viewer.session_.add(viewer);
  return TRUE;
}

BOOL RdpViewer::on_activate(freerdp_peer* peer) {
  RdpViewer& viewer = of(peer->context);
  if (!viewer.entered_) return FALSE;
  if (!viewer.activated_) viewer.activated_at_ = Clock::now();
  viewer.activated_ = true;
  {
    std::lock_guard lock(viewer.mutex_);
    viewer.renegotiating_ = false;
  }
  viewer.renegotiated_.notify_all();
  SetEvent(viewer.news_);
  return TRUE;
}

BOOL RdpViewer::on_suppress(rdpContext* context, BYTE allow, const RECTANGLE_16*) {
  RdpViewer& viewer = of(context);
  std::lock_guard lock(viewer.mutex_);
  if (viewer.stream_) viewer.stream_->pause(!allow);
  return TRUE;
}

BOOL RdpViewer::on_refresh(rdpContext* context, BYTE, const RECTANGLE_16*) {
  RdpViewer& viewer = of(context);
  std::lock_guard lock(viewer.mutex_);
  if (viewer.stream_) viewer.stream_->force_key_frame();
  return TRUE;
}

BOOL RdpViewer::on_frame_acknowledged(rdpContext* context, UINT32 frame) {
  RdpViewer& viewer = of(context);
  std::lock_guard lock(viewer.mutex_);
  if (viewer.stream_) viewer.stream_->acknowledge(frame);
  return TRUE;
}

// Of several monitors the primary one is shown.
UINT RdpViewer::on_layout(DispServerContext* channel, const DISPLAY_CONTROL_MONITOR_LAYOUT_PDU* layout) {
  RdpViewer& viewer = *static_cast<RdpViewer*>(channel->custom);
  for (UINT32 i = 0; i < layout->NumMonitors; ++i) {
    const DISPLAY_CONTROL_MONITOR_LAYOUT& monitor = layout->Monitors[i];
    if (layout->NumMonitors > 1 && !(monitor.Flags & DISPLAY_CONTROL_MONITOR_PRIMARY)) continue;
    if (monitor.Width <= most_extent && monitor.Height <= most_extent)
      viewer.session_.resize({static_cast<int>(monitor.Width & ~1u), static_cast<int>(monitor.Height)});
    break;
  }
  return CHANNEL_RC_OK;
}

}  // namespace desktop::rdp
