// The right to serve, for a while. No cluster ends a server whose node it has given up (it cannot reach it), and starts
// the next one elsewhere: so a server that cannot renew its lease stops by itself, before anybody may take its place.
//
// A lease that is over never comes back. Time is counted by a clock that also runs while the machine sleeps, and a
// renewal counts from before it can have been given.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace server {

class Lease {
 public:
  // "file:PATH,SECONDS": whoever grants it touches the file; removing it ends the lease at once.
  // "command:WORDS,SECONDS": a shell runs it again and again; its success renews.
  // "stdin,SECONDS": every byte on standard input renews.
  // A process of its own renews. Waits for the first renewal, for the lease's length.
  static base::Result<Lease> take(const std::string& source);

  // To be asked before anything is done for a client.
  bool held() const;
  // Ends this process within a tenth of a second of the lease's end, with one line in the log.
  void end_with_it() const;

  // For tests, and for the process that renews.
  static int64_t now_ns();

 private:
  const std::atomic<int64_t>* until_ = nullptr;  // in memory that this process cannot write
};

inline constexpr int lease_lost = 3;  // exit code
inline constexpr int superseded = 4;  // exit code: a client has met a later generation of this server

}  // namespace server
