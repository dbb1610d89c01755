// An RDP client that asks for a thousand sizes (MS-RDPEDISP), most of them at once, some after a rest in which the
// display follows. Usage: resizer PORT USER PASSWORD WIDTH HEIGHT; WIDTH x HEIGHT is the last. Ends well when the
// server has given it that one.
extern "C" {
#include <freerdp/addin.h>
#include <freerdp/channels/channels.h>
#include <freerdp/client/channels.h>
#include <freerdp/client/cmdline.h>
#include <freerdp/client/disp.h>
#include <freerdp/client/rdpgfx.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/gdi/gfx.h>
#include <freerdp/version.h>
#include <winpr/synch.h>
}

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int sizes = 1000, rest_after = 20, rest_ms = 100, patience_s = 60;

#if FREERDP_VERSION_MAJOR >= 3
using Connected = const ChannelConnectedEventArgs;
#else
using Connected = ChannelConnectedEventArgs;
#endif

struct Context {
  rdpContext base;  // first: FreeRDP knows this part
  DispClientContext* display_control;
};

void on_channel(void* context, Connected* event) {
  auto* its = static_cast<Context*>(context);
  if (!std::strcmp(event->name, DISP_DVC_CHANNEL_NAME))
    its->display_control = static_cast<DispClientContext*>(event->pInterface);
  if (!std::strcmp(event->name, RDPGFX_DVC_CHANNEL_NAME))
    gdi_graphics_pipeline_init(its->base.gdi, static_cast<RdpgfxClientContext*>(event->pInterface));
}

BOOL load_channels(freerdp* instance) {
  return freerdp_client_load_addins(instance->context->channels, instance->context->settings);
}

BOOL on_pre_connect(freerdp* instance) {
  PubSub_SubscribeChannelConnected(instance->context->pubSub, on_channel);
#if FREERDP_VERSION_MAJOR >= 3
  return TRUE;
#else
  return load_channels(instance);
#endif
}

BOOL on_resize(rdpContext* context) {
  return gdi_resize(context->gdi, freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopWidth),
                    freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopHeight));
}

BOOL on_post_connect(freerdp* instance) {
  if (!gdi_init(instance, PIXEL_FORMAT_BGRX32)) return FALSE;
  rdpUpdate* update = instance->context->update;
  update->DesktopResize = on_resize;
  // Nobody looks at the picture, but without these its updates are errors.
  update->EndPaint = [](rdpContext*) -> BOOL { return TRUE; };
  auto unseen = [](rdpContext*, const auto*) -> BOOL { return TRUE; };
  rdpPointerUpdate* pointer = update->pointer;
  pointer->PointerSystem = unseen;
  pointer->PointerNew = unseen;
  pointer->PointerCached = unseen;
  return TRUE;
}

void set_settings(rdpSettings* settings, char** words) {
  freerdp_settings_set_string(settings, FreeRDP_ServerHostname, "127.0.0.1");
  freerdp_settings_set_uint32(settings, FreeRDP_ServerPort, static_cast<UINT32>(std::atoi(words[1])));
  freerdp_settings_set_string(settings, FreeRDP_Username, words[2]);
  freerdp_settings_set_string(settings, FreeRDP_Password, words[3]);
  freerdp_settings_set_uint32(settings, FreeRDP_ColorDepth, 32);
  freerdp_settings_set_bool(settings, FreeRDP_RedirectClipboard, FALSE);
  for (auto on : {FreeRDP_IgnoreCertificate, FreeRDP_SupportGraphicsPipeline, FreeRDP_SupportDynamicChannels,
                  FreeRDP_SupportDisplayControl, FreeRDP_DynamicResolutionUpdate, FreeRDP_GfxH264})
    freerdp_settings_set_bool(settings, on, TRUE);
}

// Takes what the server says for this long; false: the connection is over.
bool listen(rdpContext* context, int milliseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  do {
    HANDLE events[64];
    const DWORD count = freerdp_get_event_handles(context, events, 64);
    if (count == 0) return false;
    WaitForMultipleObjects(count, events, FALSE, milliseconds ? 10 : 0);
    if (!freerdp_check_event_handles(context)) return false;
  } while (std::chrono::steady_clock::now() < end);
  return true;
}

bool ask(Context& its, int width, int height) {
  DISPLAY_CONTROL_MONITOR_LAYOUT monitor{};
  monitor.Flags = DISPLAY_CONTROL_MONITOR_PRIMARY;
  monitor.Width = static_cast<UINT32>(width);
  monitor.Height = static_cast<UINT32>(height);
  monitor.DesktopScaleFactor = monitor.DeviceScaleFactor = 100;
  return its.display_control->SendMonitorLayout(its.display_control, 1, &monitor) == CHANNEL_RC_OK;
}

const char* resize(Context& its, int width, int height) {
  for (int tenth = 0; !its.display_control; ++tenth)
    if (tenth == 10 * patience_s || !listen(&its.base, 100)) return "no display control channel was opened";
  for (int i = 1; i <= sizes; ++i) {
    const bool last = i == sizes;
    if (!ask(its, last ? width : 640 + i % 97 * 8, last ? height : 400 + i % 89 * 7)) return "a size was not sent";
    if (!listen(&its.base, i % rest_after ? 0 : rest_ms)) return "the server ended the connection";
  }
  for (int tenth = 0; its.base.gdi->width != width || its.base.gdi->height != height; ++tenth)
    if (tenth == 10 * patience_s || !listen(&its.base, 100)) return "the last size never came";
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  freerdp_register_addin_provider(freerdp_channels_load_static_addin_entry, 0);
  freerdp* instance = freerdp_new();
  instance->ContextSize = sizeof(Context);
  instance->PreConnect = on_pre_connect;
  instance->PostConnect = on_post_connect;
#if FREERDP_VERSION_MAJOR >= 3
  instance->LoadChannels = load_channels;
#endif
  if (!freerdp_context_new(instance)) return 2;
  set_settings(instance->context->settings, argv);
  auto& its = *reinterpret_cast<Context*>(instance->context);
  const char* wrong = freerdp_connect(instance) ? resize(its, std::atoi(argv[4]), std::atoi(argv[5])) : "not let in";
  if (wrong) std::fprintf(stderr, "resizer: %s\n", wrong);
  freerdp_disconnect(instance);
  return wrong ? 1 : 0;
}
