#include "server/monitored.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "server/shared_page.h"
#include "server/state/secret.h"
#include "wire/message.h"

namespace server {
namespace {

constexpr int still_waiting_ms = 5000;  // between two words to a client that queues
const base::Error no_listener{"the server is ending; try again later"};

Monitored* the_one = nullptr;  // of this worker process; base::SharedMemory asks it

}  // namespace

// The costly half of the check; the listener compares (state/secret.h).
base::Status Monitored::prove(const std::string& token, ToListener& asked) {
  std::optional<Secret> secret = decode(token);
  if (!secret) return base::Error{"the token is not valid: it is not one that Outboard made"};
  put(asked.token, id_of(*secret));
  asked.question = Question::salt;
  ToWorker answer{};
  if (!send(socket_.get(), asked) || !receive(socket_.get(), answer, nullptr, true)) return no_listener;
  if (answer.answer != Answer::salt) return base::Error{get(answer.text)};
  Salt salt;
  std::copy(std::begin(answer.salt), std::end(answer.salt), salt.begin());
  std::optional<Proof> proof = derive(*secret, salt);
  if (!proof) return base::Error{"the server has no memory to check a token; try again later"};
  std::copy(proof->begin(), proof->end(), asked.proof);
  return base::Done{};
}

base::Result<Admission> Monitored::enter(const wire::Hello& hello, const std::function<bool(uint32_t)>& waiting,
                                         int client) {
  ToListener asked{};
  if (!hello.token.empty()) TRY(prove(hello.token, asked));
  asked.question = Question::enter;
  service_ = !hello.purpose.empty();
  asked.waits = (hello.wishes & wire::queue) != 0;
  asked.asks_only = (hello.wishes & wire::ask_only) != 0;
  put(asked.vgpu, hello.vgpu);
  put(asked.program, hello.program);
  put(asked.purpose, hello.purpose);
  if (!send(socket_.get(), asked)) return no_listener;
  return wait_for_answer(waiting, client);
}

base::Result<Admission> Monitored::wait_for_answer(const std::function<bool(uint32_t)>& waiting, int client) {
  for (uint32_t position = 0;;) {
    pollfd watched[] = {{socket_.get(), POLLIN, 0}, {client, POLLRDHUP, 0}};
    poll(watched, 2, still_waiting_ms);
    if (watched[1].revents) return base::Error{"the client left while it waited"};
    ToWorker answer{};
    base::Fd came;
    if (watched[0].revents && !receive(socket_.get(), answer, &came, true)) return no_listener;
    if (watched[0].revents && answer.answer == Answer::queued) position = answer.position;
    if (!watched[0].revents || answer.answer == Answer::queued) {
      if (position && !waiting(position)) return base::Error{"the client left while it waited"};
      continue;
    }
    if (answer.answer == Answer::refused || answer.answer == Answer::end) return base::Error{get(answer.text)};
    if (answer.answer != Answer::entered) continue;
    Admission admission{{share_, nullptr, answer.slot}, answer.memory_bytes, get(answer.vgpu), {}};
    if (service_) {
      admission.service = std::move(came);
    } else if (came.valid()) {
      admission.tenancy.ledger = SharedPage<device::MemoryLedger>::map(came.get());
      if (!admission.tenancy.ledger) return base::Error{"the server has no memory for another session"};
    }
    return admission;
  }
}

const base::SharedMemoryExchange& Monitored::exchange() {
  static const base::SharedMemoryExchange made{
      [](const uint8_t(&name)[16], int descriptor) { the_one->publish(name, descriptor); },
      [](const uint8_t(&name)[16]) { return the_one->open(name); }};
  return made;
}

void Monitored::start(bool (*hold)(), std::function<void(const std::string&)> end) {
  hold_ = hold;
  end_ = std::move(end);
  the_one = this;
  std::thread([this] { listen(); }).detach();
}

void Monitored::listen() {
  for (bool held = true;;) {
    pollfd watched{socket_.get(), POLLIN, 0};
    poll(&watched, 1, held ? -1 : 1);
    if (!held) held = share_->allowed.load() != 0 || !hold_ || hold_();
    if (!watched.revents) continue;
    ToWorker message{};
    base::Fd memory;
    if (!receive(socket_.get(), message, &memory, true)) _exit(0);  // the listener is gone
    switch (message.answer) {
      case Answer::hold: held = !hold_ || hold_(); break;
      case Answer::end: end_(get(message.text)); break;
      case Answer::memory: {
        std::lock_guard hold(answer_lock_);
        answer_ = std::move(memory);
        answered_.notify_all();
        break;
      }
      default: break;
    }
  }
}

void Monitored::publish(const uint8_t (&name)[16], int descriptor) {
  ToListener asked{};
  asked.question = Question::publish;
  std::copy(std::begin(name), std::end(name), asked.memory);
  send(socket_.get(), asked, descriptor);
}

base::Fd Monitored::open_before_start(const uint8_t (&name)[16]) {
  ToListener asked{};
  asked.question = Question::open;
  std::copy(std::begin(name), std::end(name), asked.memory);
  ToWorker answer{};
  base::Fd opened;
  if (!send(socket_.get(), asked) || !receive(socket_.get(), answer, &opened, true)) return {};
  return opened;
}

base::Fd Monitored::open(const uint8_t (&name)[16]) {
  std::lock_guard one_at_a_time(opening_);
  ToListener asked{};
  asked.question = Question::open;
  std::copy(std::begin(name), std::end(name), asked.memory);
  std::unique_lock hold(answer_lock_);
  answer_.reset();
  if (!send(socket_.get(), asked)) return {};
  answered_.wait(hold, [&] { return answer_.has_value(); });
  return std::move(*answer_);
}

}  // namespace server
