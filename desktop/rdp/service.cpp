// Accepts RDP clients; keeps few, drops those that never prove a password, and all for a while after wrong ones.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>

#include "base/log.h"
#include "desktop/rdp/viewer.h"
#include "desktop/service.h"

namespace desktop::rdp {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_enter = 30s;
constexpr size_t most_strangers = 8;  // beside viewers: connections that have not proved a password yet

class RdpService : public Service {
 public:
  RdpService(Shared shared, std::vector<base::Fd> listeners, const RdpOptions& options)
      : shared_(std::move(shared)),
        listeners_(std::move(listeners)),
        most_viewers_(options.most_viewers),
        end_(eventfd(0, EFD_CLOEXEC)) {
    thread_ = std::thread([this] { run(); });
  }
  ~RdpService() override {
    eventfd_write(end_.get(), 1);
    thread_.join();
  }

 private:
  void run();
  void admit(base::Fd socket);
  void sweep();

  Shared shared_;
  std::vector<base::Fd> listeners_;
  size_t most_viewers_;
  base::Fd end_;
  std::vector<std::unique_ptr<RdpViewer>> viewers_;
  std::thread thread_;
};

void RdpService::run() {
  std::vector<pollfd> ready;
  for (const base::Fd& each : listeners_) ready.push_back({each.get(), POLLIN, 0});
  ready.push_back({end_.get(), POLLIN, 0});
  for (;;) {
    if (poll(ready.data(), ready.size(), 1000) < 0 && errno != EINTR) break;
    if (ready.back().revents) break;
    for (size_t i = 0; i + 1 < ready.size(); ++i) {
      if (!ready[i].revents) continue;
      base::Fd socket(accept4(ready[i].fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (socket.valid()) admit(std::move(socket));
    }
    sweep();
  }
  for (auto& each : viewers_) each->end("the session ends");
  viewers_.clear();
}

void RdpService::admit(base::Fd socket) {
  sweep();
  if (shared_.session.credentials().locked()) {
    base::log(base::Level::warn, "turned-away", {{"why", "too many wrong passwords; try again in a moment"}});
    return;
  }
  const auto strangers = static_cast<size_t>(
      std::count_if(viewers_.begin(), viewers_.end(), [](const auto& each) { return !each->settled(); }));
  if (strangers >= most_strangers || viewers_.size() - strangers >= most_viewers_) {
    base::log(base::Level::warn, "turned-away", {{"why", "too many clients at once"}});
    return;
  }
  const int one = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  viewers_.push_back(std::make_unique<RdpViewer>(shared_, std::move(socket)));
}

void RdpService::sweep() {
  for (const auto& each : viewers_)
    if (!each->settled() && !each->finished() && Clock::now() - each->since() > time_to_enter)
      each->end("the client did not enter within half a minute");
  std::erase_if(viewers_, [](const auto& each) { return each->finished(); });
}

}  // namespace
}  // namespace desktop::rdp

namespace desktop {

base::Status prepare_rdp() {
  WTSRegisterWtsApiFunctionTable(FreeRDP_InitWtsApi());
  winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT);
  if (!base::logs(base::Level::debug)) WLog_SetLogLevel(WLog_GetRoot(), WLOG_OFF);
  std::u16string word = u"password";
  auto* wide = reinterpret_cast<LPWSTR>(word.data());
  const auto bytes = static_cast<UINT32>(word.size() * 2);
  BYTE hash[16] = {};
  if (!NTOWFv2W(wide, bytes, wide, bytes, wide, bytes, hash))
    return base::Error{"NTLM does not work here: OpenSSL lacks MD4 (install its legacy provider)"};
  return base::Done{};
}

base::Result<std::unique_ptr<Service>> serve_rdp(Session& session, std::vector<base::Fd> listeners,
                                                 const RdpOptions& options) {
  signal(SIGPIPE, SIG_IGN);
  rdp::Shared shared{session, options.certificate};
  auto allowed = [&](const char* codec) {
    return options.codecs.empty() ||
           std::find(options.codecs.begin(), options.codecs.end(), codec) != options.codecs.end();
  };
  shared.full_colour = allowed("avc444");
  shared.h264 = shared.full_colour || allowed("avc420");
  shared.graphics = shared.h264 || allowed("progressive");
  shared.remotefx = allowed("remotefx");
  return std::unique_ptr<Service>(std::make_unique<rdp::RdpService>(std::move(shared), std::move(listeners), options));
}

}  // namespace desktop
