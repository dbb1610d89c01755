// Being with a job: its output goes to ours, our input, signals and window sizes go to it. When the link breaks it is
// taken up again where it was; the job does not notice.
#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "exec/conversation.h"

namespace exec {

struct Attendance {
  std::string target, job;
  bool hold = true;       // our input is the job's, and it waits for us with its output
  bool terminal = false;  // ours is its terminal
  bool quiet = false;
  int64_t grace = -1;  // what the job does without us, for the sentence: -1: it goes on
  uint64_t out = 0, err = 0;
};

struct Ended {
  std::string state, why;
  int code = 125;
};

// `host` is attached already, and may be another connection afterwards. An error: the link is lost for good; the
// sentence says what the job does.
base::Result<Ended> attend(std::unique_ptr<Conversation>& host, const Attendance& attendance);

// Connects to a host's exec service; its facts. A question is asked without waiting for those.
base::Result<std::unique_ptr<Conversation>> open_host(const std::string& target, Json& facts,
                                                      const Json* question = nullptr);

}  // namespace exec
