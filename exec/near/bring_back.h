// Results come home: all into files of other names first, checked; then they get their names. What is not whole is not
// there.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/conversation.h"
#include "exec/near/records.h"

namespace exec {

struct Brought {
  size_t files = 0;
  std::vector<std::string> told;  // what is not as wished, one sentence each: then something is missing here
};

struct BringOptions {
  std::string to;
  bool overwrite = false, quiet = false;
};

base::Result<Brought> bring_back(Conversation& host, const Record& record, const BringOptions& options);

}  // namespace exec
