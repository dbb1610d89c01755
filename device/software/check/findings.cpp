#include "device/software/check/findings.h"

#include <cstdio>

namespace software {
namespace {

constexpr const char* margin = "=========";  // what users of such tools look for

}  // namespace

void Findings::add(uint64_t place, uint32_t kind, const std::function<std::vector<std::string>()>& describe) {
  std::lock_guard hold(lock_);
  auto known = by_place_.find({place, kind});
  if (known != by_place_.end()) {
    ++all_[known->second].times;
    return;
  }
  std::vector<std::string> lines = describe();
  auto [same, fresh] = by_text_.emplace(lines[0] + lines[1], all_.size());
  by_place_[{place, kind}] = same->second;
  if (fresh)
    all_.push_back({std::move(lines)});
  else
    ++all_[same->second].times;
}

void Findings::add(std::vector<std::string> lines) {
  std::lock_guard hold(lock_);
  all_.push_back({std::move(lines)});
}

// One write for each, so that other output does not come in between.
void Findings::print() {
  std::lock_guard hold(lock_);
  for (; next_ < all_.size(); ++next_) {
    if (next_ > most_printed) continue;
    std::string text;
    if (next_ == most_printed) {
      text = std::string(margin) + " more errors are counted, but not shown\n" + margin + "\n";
    } else {
      const Finding& finding = all_[next_];
      for (size_t i = 0; i < finding.lines.size(); ++i)
        text += margin + std::string(i ? "     " : " ") + finding.lines[i] + "\n";
      if (finding.times > 1) text += std::string(margin) + "     " + std::to_string(finding.times) + " times so far\n";
      text += std::string(margin) + "\n";
    }
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  std::fflush(stderr);
}

uint64_t Findings::count() const {
  std::lock_guard hold(lock_);
  return all_.size();
}

}  // namespace software
