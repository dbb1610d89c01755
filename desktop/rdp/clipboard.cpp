#include "desktop/rdp/clipboard.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <utility>

#include "desktop/text.h"

namespace desktop::rdp {
namespace {

constexpr UINT32 unicode_text = 13;  // CF_UNICODETEXT

#if FREERDP_VERSION_MAJOR >= 3
#define OUTBOARD_COMMON(pdu) (pdu).common
#else
#define OUTBOARD_COMMON(pdu) (pdu)
#endif

}  // namespace

// What the client copied. Outlives the channel: programs may paste when the client is gone, and get nothing.
class ClipboardChannel::Offer : public ClipboardOffer {
 public:
  explicit Offer(CliprdrServerContext* channel) : channel_(channel) {}

  std::optional<std::string> text() override {
    std::unique_lock lock(mutex_);
    if (!channel_) return std::nullopt;
    const uint64_t mine = ++asked_;
    CLIPRDR_FORMAT_DATA_REQUEST request{};
    OUTBOARD_COMMON(request).msgType = CB_FORMAT_DATA_REQUEST;
    OUTBOARD_COMMON(request).dataLen = 4;  // without it clients end the connection
    request.requestedFormatId = unicode_text;
    channel_->lastRequestedFormatId = unicode_text;
    if (channel_->ServerFormatDataRequest(channel_, &request) != CHANNEL_RC_OK) return std::nullopt;
    news_.wait_for(lock, std::chrono::seconds(2), [&] { return answered_ >= mine || !channel_; });
    if (answered_ < mine) return std::nullopt;
    return text_;
  }

  void answer(std::optional<std::string> text) {
    std::lock_guard lock(mutex_);
    text_ = std::move(text);
    answered_ = asked_;
    news_.notify_all();
  }
  void channel_ends() {
    std::lock_guard lock(mutex_);
    channel_ = nullptr;
    news_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  CliprdrServerContext* channel_;
  uint64_t asked_ = 0, answered_ = 0;
  std::optional<std::string> text_;
};

ClipboardChannel::ClipboardChannel(Clipboard& clipboard, rdpContext* context, HANDLE channels)
    : clipboard_(clipboard), channel_(cliprdr_server_context_new(channels)) {
  if (!channel_) return;
  channel_->custom = this;
  channel_->rdpcontext = context;
  channel_->useLongFormatNames = TRUE;
  channel_->streamFileClipEnabled = FALSE;
  channel_->fileClipNoFilePaths = TRUE;
  channel_->canLockClipData = FALSE;
  channel_->autoInitializationSequence = TRUE;
  channel_->ClientFormatList = on_formats;
  channel_->ClientFormatDataRequest = on_request;
  channel_->ClientFormatDataResponse = on_response;
  offer_ = std::make_shared<Offer>(channel_.get());
  subscription_ = clipboard_.subscribe([this] { announce(); });
  started_ = channel_->Start(channel_.get()) == CHANNEL_RC_OK;
}

ClipboardChannel::~ClipboardChannel() {
  if (!channel_) return;
  clipboard_.unsubscribe(subscription_);
  offer_->channel_ends();
  if (started_) channel_->Stop(channel_.get());
}

// A client's list of formats ends its beginning (MS-RDPECLIP 1.3.2.1). Before it FreeRDP's clients do not know how
// names are written in ours, and leave.
void ClipboardChannel::announce() {
  {
    std::lock_guard lock(mutex_);
    owed_ = !begun_;
    if (owed_) return;
  }
  CLIPRDR_FORMAT format{};
  format.formatId = unicode_text;
  CLIPRDR_FORMAT_LIST list{};
  OUTBOARD_COMMON(list).msgType = CB_FORMAT_LIST;
  list.numFormats = 1;
  list.formats = &format;
  channel_->ServerFormatList(channel_.get(), &list);
}

UINT ClipboardChannel::on_formats(CliprdrServerContext* channel, const CLIPRDR_FORMAT_LIST* list) {
  auto& self = *static_cast<ClipboardChannel*>(channel->custom);
  CLIPRDR_FORMAT_LIST_RESPONSE taken{};
  OUTBOARD_COMMON(taken).msgType = CB_FORMAT_LIST_RESPONSE;
  OUTBOARD_COMMON(taken).msgFlags = CB_RESPONSE_OK;
  const UINT error = channel->ServerFormatListResponse(channel, &taken);
  const bool text = std::any_of(list->formats, list->formats + list->numFormats,
                                [](const CLIPRDR_FORMAT& each) { return each.formatId == unicode_text; });
  if (text) self.clipboard_.offer(self.offer_, self.subscription_);
  bool owed = false;
  {
    std::lock_guard lock(self.mutex_);
    self.begun_ = true;
    owed = std::exchange(self.owed_, false);
  }
  if (owed && !text) self.announce();
  return error;
}

UINT ClipboardChannel::on_request(CliprdrServerContext* channel, const CLIPRDR_FORMAT_DATA_REQUEST* request) {
  auto& self = *static_cast<ClipboardChannel*>(channel->custom);
  std::optional<std::string> text;
  if (request->requestedFormatId == unicode_text) text = self.clipboard_.text();
  const std::u16string wide = text ? to_utf16(with_carriage_returns(*text)) : u"";
  CLIPRDR_FORMAT_DATA_RESPONSE response{};
  OUTBOARD_COMMON(response).msgType = CB_FORMAT_DATA_RESPONSE;
  OUTBOARD_COMMON(response).msgFlags = text ? CB_RESPONSE_OK : CB_RESPONSE_FAIL;
  OUTBOARD_COMMON(response).dataLen = text ? static_cast<UINT32>((wide.size() + 1) * 2) : 0;
  response.requestedFormatData = reinterpret_cast<const BYTE*>(wide.c_str());
  return channel->ServerFormatDataResponse(channel, &response);
}

UINT ClipboardChannel::on_response(CliprdrServerContext* channel, const CLIPRDR_FORMAT_DATA_RESPONSE* response) {
  auto& self = *static_cast<ClipboardChannel*>(channel->custom);
  const size_t bytes = OUTBOARD_COMMON(*response).dataLen;
  if (OUTBOARD_COMMON(*response).msgFlags != CB_RESPONSE_OK || bytes > 2 * most_clipboard_bytes ||
      !response->requestedFormatData) {
    self.offer_->answer(std::nullopt);
    return CHANNEL_RC_OK;
  }
  std::u16string wide(bytes / 2, u'\0');
  std::memcpy(wide.data(), response->requestedFormatData, bytes / 2 * 2);
  if (const size_t end = wide.find(u'\0'); end != wide.npos) wide.resize(end);
  self.offer_->answer(with_line_feeds(to_utf8(wide)));
  return CHANNEL_RC_OK;
}

}  // namespace desktop::rdp
