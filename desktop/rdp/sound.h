// The session's sound to one client (MS-RDPEA), uncompressed.
#pragma once
#include <atomic>
#include <memory>

#include "desktop/audio.h"
#include "desktop/rdp/freerdp.h"

namespace desktop::rdp {

class Sound {
 public:
  Sound(AudioSource& source, rdpContext* context, HANDLE channels);
  ~Sound();
  uint64_t confirmed() const { return confirmed_; }
  bool playing() const { return subscription_ != 0; }

 private:
  static void on_activated(RdpsndServerContext* channel);
  static UINT on_confirmed(RdpsndServerContext* channel, BYTE block, UINT16 time);
  struct FreeChannel {
    void operator()(RdpsndServerContext* channel) const { rdpsnd_server_context_free(channel); }
  };
  AudioSource& source_;
  AUDIO_FORMAT format_{};
  std::unique_ptr<RdpsndServerContext, FreeChannel> channel_;
  std::atomic<int> subscription_{0};
  std::atomic<uint64_t> confirmed_{0};
};

}  // namespace desktop::rdp
