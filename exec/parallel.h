// The same work on many things, by as many threads as there are processors.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.h"

namespace exec {

// `work` of 0 to `count` - 1, in any order. The first error ends it.
inline base::Status each_in_parallel(size_t count, const std::function<base::Status(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::mutex hold;
  std::optional<std::string> wrong;
  auto go = [&] {
    for (size_t i; (i = next++) < count;) {
      base::Status done = work(i);
      if (done) continue;
      next = count;
      std::lock_guard locked(hold);
      wrong = done.error();
    }
  };
  const size_t most = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 8);
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < std::min(most, count); ++i) helpers.emplace_back(go);
  go();
  for (std::thread& helper : helpers) helper.join();
  if (wrong) return base::Error{*wrong};
  return base::Done{};
}

}  // namespace exec
