#include "desktop/rdp/sound.h"

#include <sys/time.h>

#include <cstdlib>

namespace desktop::rdp {
namespace {

AUDIO_FORMAT pcm() {
  AUDIO_FORMAT format{};
  format.wFormatTag = WAVE_FORMAT_PCM;
  format.nChannels = audio_channels;
  format.nSamplesPerSec = audio_rate;
  format.wBitsPerSample = 16;
  format.nBlockAlign = audio_channels * 2;
  format.nAvgBytesPerSec = audio_rate * audio_channels * 2;
  return format;
}

UINT16 milliseconds() {
  timeval now{};
  gettimeofday(&now, nullptr);
  return static_cast<UINT16>(now.tv_sec * 1000 + now.tv_usec / 1000);
}

}  // namespace

Sound::Sound(AudioSource& source, rdpContext* context, HANDLE channels)
    : source_(source), format_(pcm()), channel_(rdpsnd_server_context_new(channels)) {
  if (!channel_) return;
  channel_->data = this;
  channel_->rdpcontext = context;
  channel_->src_format = &format_;
  // The library frees this list.
  channel_->server_formats = static_cast<AUDIO_FORMAT*>(std::malloc(sizeof(AUDIO_FORMAT)));
  if (!channel_->server_formats) return;
  channel_->server_formats[0] = format_;
  channel_->num_server_formats = 1;
  channel_->latency = 20;
  channel_->Activated = on_activated;
  channel_->ConfirmBlock = on_confirmed;
  channel_->Initialize(channel_.get(), TRUE);
}

// Unsubscribing waits for a block under way; only then the channel may go.
Sound::~Sound() {
  if (!channel_) return;
  channel_->Stop(channel_.get());  // ends the thread that calls on_activated
  if (subscription_) source_.unsubscribe(subscription_);
}

void Sound::on_activated(RdpsndServerContext* channel) {
  auto& self = *static_cast<Sound*>(channel->data);
  if (self.subscription_) return;
  for (UINT16 i = 0; i < channel->num_client_formats; ++i) {
    const AUDIO_FORMAT& each = channel->client_formats[i];
    if (each.wFormatTag != WAVE_FORMAT_PCM || each.nSamplesPerSec != static_cast<DWORD>(audio_rate) ||
        each.nChannels != audio_channels || each.wBitsPerSample != 16)
      continue;
    if (channel->SelectFormat(channel, i) != CHANNEL_RC_OK) return;
    self.subscription_ = self.source_.subscribe([channel](std::span<const int16_t> block) {
      channel->SendSamples(channel, block.data(), static_cast<int>(block.size() / audio_channels), milliseconds());
    });
    return;
  }
}

UINT Sound::on_confirmed(RdpsndServerContext* channel, BYTE, UINT16) {
  ++static_cast<Sound*>(channel->data)->confirmed_;
  return CHANNEL_RC_OK;
}

}  // namespace desktop::rdp
