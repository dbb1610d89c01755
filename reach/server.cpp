#include "reach/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace reach {
namespace {

constexpr int look_ms = 200;  // between two looks whether the command has ended, where nothing tells
constexpr size_t kept = 4096;

}  // namespace

base::Result<Server> Server::start(const Words& command, bool relay) {
  int ends[2], error[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 || pipe2(error, O_CLOEXEC) < 0)
    return base::Error{std::string("no socket can be made: ") + std::strerror(errno)};
  base::Fd ours(ends[0]), theirs(ends[1]), reading(error[0]), writing(error[1]);
  fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  Child child = TRY(Child::start(command, {theirs.get(), theirs.get(), writing.get()}));
  return Server(std::move(child), std::move(ours), std::move(reading), relay);
}

void Server::pass_error_on() {
  char bytes[kept];
  for (ssize_t got; (got = read(error_.get(), bytes, sizeof bytes)) != 0;) {
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) error_.close();
      return;
    }
    if (relay_) [[maybe_unused]]
      ssize_t shown = write(STDERR_FILENO, bytes, static_cast<size_t>(got));
    tail_.append(bytes, static_cast<size_t>(got));
    if (tail_.size() > kept) tail_.erase(0, tail_.size() - kept);
  }
  error_.close();
}

bool Server::await(Mark& mark, Program& program) {
  for (;;) {
    pollfd watched[] = {{socket_.get(), POLLIN, 0}, {error_.get(), POLLIN, 0}, {program.descriptor(), POLLIN, 0}};
    const bool over = child_.ended().has_value();  // though somebody else may have kept its end of the socket
    if (poll(watched, 3, over ? 0 : look_ms) < 0 && errno != EINTR) return false;
    if (watched[2].revents && !program.hear()) return child_.end(), false;
    if (watched[1].revents) pass_error_on();
    if (over && !watched[0].revents) return true;
    while (watched[0].revents) {
      char byte;
      ssize_t got = recv(socket_.get(), &byte, 1, MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (got <= 0 || mark.take(byte) != Mark::State::searching) return true;
    }
  }
}

int Server::finish() {
  socket_.close();
  for (int waited = 0; waited < 50 && !child_.ended(); ++waited) {
    pollfd watched{error_.get(), POLLIN, 0};
    if (poll(&watched, 1, 40) > 0) pass_error_on();
  }
  child_.end();
  if (error_.valid()) pass_error_on();
  return child_.wait();
}

std::string Server::last_words() const {
  const std::string last = last_line(tail_);
  if (!last.starts_with("srun: ")) return last;
  const std::string before = last_line(tail_.substr(0, tail_.rfind(last)));  // srun has the last word on its task's end
  return before.empty() ? last : before;
}

int Server::serve(Program& program, bool (*means_the_end)(int code)) {
  if (!program.hand_over(take_socket())) return child_.end(), 1;
  bool listens = true;  // a program that needs nothing more from us closes its end
  while (!child_.ended()) {
    pollfd watched[] = {
        {error_.get(), POLLIN, 0}, {child_.descriptor(), POLLIN, 0}, {listens ? program.descriptor() : -1, POLLIN, 0}};
    poll(watched, 3, child_.descriptor() < 0 ? look_ms : -1);
    if (watched[0].revents) pass_error_on();
    if (watched[2].revents) listens = program.hear();
  }
  if (error_.valid()) pass_error_on();
  if (means_the_end(child_.wait())) return program.end(), 0;
  while (listens) {  // its session goes on without ssh
    pollfd left{program.descriptor(), POLLIN, 0};
    poll(&left, 1, -1);
    listens = program.hear();
  }
  return 0;
}

}  // namespace reach
