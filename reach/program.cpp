#include "reach/program.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "link/handover.h"
#include "link/helper.h"

namespace reach {

using links::HelperMessage;

bool Program::hear() {
  HelperMessage message{};
  ssize_t got = links::receive_with(socket_.get(), &message, sizeof message, moved_, false);
  return got > 0 || (got < 0 && errno == EAGAIN);
}

void Program::fail(const std::string& sentence) {
  HelperMessage message{HelperMessage::failed, 0, 0, {}};
  std::memcpy(message.text, sentence.data(), std::min(sentence.size(), sizeof message.text - 1));
  iovec piece[] = {{&message, sizeof message}};
  links::send_with(socket_.get(), piece, {});
}

bool Program::hand_over(base::Fd server, uint64_t generation) {
  HelperMessage message{HelperMessage::started, 0, generation, {}};
  iovec piece[] = {{&message, sizeof message}};
  const int descriptor[] = {server.get()};
  return links::send_with(socket_.get(), piece, descriptor);
}

void Program::end() {
  socket_.close();
  for (base::Fd& socket : moved_) shutdown(socket.get(), SHUT_RDWR);
}

}  // namespace reach
