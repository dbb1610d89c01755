#include "reach/slurm/shared.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace reach {
namespace {

// What a visitor is told: the place's generation, then the words that start a server, each with its NUL.
constexpr size_t longest_answer = 16 << 10;

base::Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) return base::Error{"the path of the socket is too long: " + path};
  std::memcpy(at.sun_path, path.data(), path.size());
  return at;
}

base::Error failed(const char* what) { return base::Error{std::string(what) + ": " + std::strerror(errno)}; }

class Visited final : public Allocation {
 public:
  Visited(base::Fd socket, uint64_t generation, Words words)
      : socket_(std::move(socket)), generation_(generation), words_(std::move(words)) {}
  Words server_words() const override { return words_; }
  uint64_t generation() const override { return generation_; }
  int descriptor() const override { return socket_.get(); }
  int due_ms() const override { return -1; }
  bool tick() override {
    char byte;
    ssize_t got = recv(socket_.get(), &byte, 1, MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }
  std::string reason() const override { return {}; }

 private:
  base::Fd socket_;
  uint64_t generation_;
  Words words_;
};

}  // namespace

base::Result<SharedPlace> SharedPlace::open(const Place& place) {
  SharedPlace shared(place);
  const auto folder = std::filesystem::path(links::default_socket_path()).parent_path();
  mkdir(folder.c_str(), 0700);
  shared.path_ = (folder / ("outboard-place-" + std::to_string(getpid()))).string();
  sockaddr_un at = TRY(address_of(shared.path_));
  shared.socket_ = base::Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  unlink(at.sun_path);
  const mode_t before = umask(0177);
  const int bound = bind(shared.socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  umask(before);
  if (bound < 0 || listen(shared.socket_.get(), 64) < 0) return failed("no socket for the program's processes");
  return shared;
}

SharedPlace::~SharedPlace() {
  if (socket_.valid()) unlink(path_.c_str());
}

void SharedPlace::accept() {
  std::erase_if(visitors_, [](const base::Fd& visitor) {
    char byte;
    return recv(visitor.get(), &byte, 1, MSG_DONTWAIT) == 0;
  });
  base::Fd visitor(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!visitor.valid()) return;
  const uint64_t generation = place_->generation();
  std::string answer(reinterpret_cast<const char*>(&generation), sizeof generation);
  for (const std::string& word : place_->server_words()) answer += word + '\0';
  if (send(visitor.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
    visitors_.push_back(std::move(visitor));
}

base::Result<std::unique_ptr<Allocation>> visit(const std::string& path) {
  sockaddr_un at = TRY(address_of(path));
  base::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) < 0)
    return failed("the outboard run that holds the place has ended");
  std::string answer(longest_answer, 0);
  const ssize_t got = recv(socket.get(), answer.data(), answer.size(), 0);
  uint64_t generation = 0;
  if (got <= static_cast<ssize_t>(sizeof generation)) return base::Error{"the place is gone"};
  std::memcpy(&generation, answer.data(), sizeof generation);
  Words words;
  for (size_t begin = sizeof generation, end = static_cast<size_t>(got); begin < end;) {
    words.emplace_back(answer.c_str() + begin);
    begin += words.back().size() + 1;
  }
  return std::unique_ptr<Allocation>(std::make_unique<Visited>(std::move(socket), generation, std::move(words)));
}

}  // namespace reach
