// A client that reads a job's output as it appears: a thread sends it what the supervisor says is there, and says how
// the job ended once it has.
#pragma once
#include <atomic>
#include <string>
#include <thread>

#include "base/fd.h"
#include "exec/conversation.h"
#include "exec/far/jobs.h"
#include "exec/far/supervision.h"

namespace exec {

struct AttachOptions {
  uint64_t out = 0, err = 0;  // offsets to begin at
  bool hold = false;          // the program does not run far ahead, and it takes input
  bool follow = true;         // false: what is there now is all
  unsigned hold_seconds = usual_hold_seconds;
};

class Attachment {
 public:
  // `folder`: the job's.
  Attachment(Conversation& client, const Place& place, Job job, const AttachOptions& options);
  ~Attachment();

  // From the client. False: it does not keep to the rules.
  bool obey(const Message& message);

 private:
  void run();
  void follow();
  bool send_stream(int stream, uint64_t until);
  void tell_end();
  bool say(const ToSupervisor& said, std::span<const std::byte> bytes = {});

  Conversation& client_;
  const Place place_;
  Job job_;
  const AttachOptions options_;
  base::Fd supervisor_, logs_[2], stop_;
  uint64_t sent_[2];
  std::atomic<bool> gone_{false};
  std::thread thread_;
};

Json to_json(const Job& job);

}  // namespace exec
