// The session's clipboard with one client (MS-RDPECLIP): text, fetched when it is pasted.
#pragma once
#include <memory>
#include <mutex>

#include "desktop/clipboard.h"
#include "desktop/rdp/freerdp.h"

namespace desktop::rdp {

class ClipboardChannel {
 public:
  ClipboardChannel(Clipboard& clipboard, rdpContext* context, HANDLE channels);
  ~ClipboardChannel();
  bool open() const { return started_; }

 private:
  class Offer;
  static UINT on_formats(CliprdrServerContext* channel, const CLIPRDR_FORMAT_LIST* list);
  static UINT on_request(CliprdrServerContext* channel, const CLIPRDR_FORMAT_DATA_REQUEST* request);
  static UINT on_response(CliprdrServerContext* channel, const CLIPRDR_FORMAT_DATA_RESPONSE* response);
  void announce();

  struct FreeChannel {
    void operator()(CliprdrServerContext* channel) const { cliprdr_server_context_free(channel); }
  };
  Clipboard& clipboard_;
  std::unique_ptr<CliprdrServerContext, FreeChannel> channel_;
  std::shared_ptr<Offer> offer_;
  int subscription_ = 0;
  bool started_ = false;
  std::mutex mutex_;
  bool begun_ = false, owed_ = false;  // whether the client has said its formats; whether ours were new before that
};

}  // namespace desktop::rdp
