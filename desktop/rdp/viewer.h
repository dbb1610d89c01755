// One RDP client: its connection, its proof of the password, its channels, its stream. Has a thread of its own.
#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "desktop/rdp/bitmaps.h"
#include "desktop/rdp/certificate.h"
#include "desktop/rdp/clipboard.h"
#include "desktop/rdp/freerdp.h"
#include "desktop/rdp/graphics.h"
#include "desktop/rdp/sound.h"
#include "desktop/service.h"
#include "desktop/session.h"

namespace desktop::rdp {

// What all viewers of a service share; outlives them.
struct Shared {
  Session& session;
  Certificate certificate;
  bool full_colour = true, h264 = true, graphics = true, remotefx = true;  // what is allowed
};

class RdpViewer : public Viewer {
 public:
  RdpViewer(const Shared& shared, base::Fd socket);
  ~RdpViewer() override;

  ViewerStatistics statistics() override;
  void end(const std::string& reason) override;
  bool finished() const { return finished_; }
  // Past the password and seeing something: it may stay.
  bool settled() const { return activated_; }
  Clock::time_point since() const { return since_; }

 private:
  friend InputSink& input_sink_of(rdpContext* context);
  struct Context {
    rdpContext base;  // first: FreeRDP knows this part
    RdpViewer* viewer;
  };
  static RdpViewer& of(rdpContext* context) { return *reinterpret_cast<Context*>(context)->viewer; }

  void run();
  bool set_up();
  void set_settings(rdpSettings* settings);
  void tear_down();
  bool listen();
  bool turn();
  bool tend();
  void open_channels();
  bool begin_graphics();
  bool open_graphics();
  void open_display_control();
  bool begin_bitmaps();
  void tell(UINT32 error);
  void begin_stream(PictureSink& sink, Codec codec);
  bool negotiate_size(Size size);
  void refused_password();

  // Called by FreeRDP, on this viewer's thread but for those of channels.
  static SECURITY_STATUS on_hash(void* peer, const SEC_WINNT_AUTH_IDENTITY* identity, const SecBuffer* proof,
                                 const BYTE* key, const BYTE* mic, const SecBuffer* mic_value, BYTE* hash);
  static BOOL on_logon(freerdp_peer* peer, LogonIdentity* identity, BOOL automatic);
  static BOOL on_post_connect(freerdp_peer* peer);
  static BOOL on_activate(freerdp_peer* peer);
  static BOOL on_suppress(rdpContext* context, BYTE allow, const RECTANGLE_16* area);
  static BOOL on_refresh(rdpContext* context, BYTE count, const RECTANGLE_16* areas);
  static BOOL on_frame_acknowledged(rdpContext* context, UINT32 frame);
  static UINT on_layout(DispServerContext* channel, const DISPLAY_CONTROL_MONITOR_LAYOUT_PDU* layout);

  const Shared& shared_;
  Session& session_;
  base::Fd socket_;  // a second descriptor of the connection, to end it from outside
  int peer_socket_ = -1;
  freerdp_peer* peer_ = nullptr;
  HANDLE channels_ = nullptr, news_ = nullptr;
  const Clock::time_point since_ = Clock::now();
  uint64_t id_ = 0;

  // What the password's proof was made for; empty until a client tries.
  std::string claimed_user_;
  bool entered_ = false, tried_ = false;
  bool opened_channels_ = false;
  Clock::time_point activated_at_{};
  std::atomic<bool> activated_{false}, ending_{false}, finished_{false};

  struct FreeDisplayControl {
    void operator()(DispServerContext* channel) const { disp_server_context_free(channel); }
  };
  std::unique_ptr<DispServerContext, FreeDisplayControl> display_control_;
  std::unique_ptr<Graphics> graphics_;
  std::unique_ptr<Bitmaps> bitmaps_;
  std::unique_ptr<ClipboardChannel> clipboard_;
  std::unique_ptr<Sound> sound_;

  std::mutex mutex_;  // what follows
  std::condition_variable renegotiated_;
  std::unique_ptr<Stream> stream_;
  std::string client_, reason_;
  GraphicsCapabilities capabilities_;
  bool graphics_ready_ = false;
  Size wanted_size_;
  bool renegotiating_ = false;

  std::thread thread_;
};

}  // namespace desktop::rdp
