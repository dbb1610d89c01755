#include "desktop/picture.h"

namespace desktop {

namespace {
bool covers(const Rectangle& outer, const Rectangle& inner) {
  return outer.x <= inner.x && outer.y <= inner.y && outer.x + outer.width >= inner.x + inner.width &&
         outer.y + outer.height >= inner.y + inner.height;
}
}  // namespace

void Damage::add(const Rectangle& rectangle) {
  if (rectangle.empty()) return;
  for (const Rectangle& each : rectangles_)
    if (covers(each, rectangle)) return;
  std::erase_if(rectangles_, [&](const Rectangle& each) { return covers(rectangle, each); });
  rectangles_.push_back(rectangle);
  if (rectangles_.size() > most) rectangles_.assign(1, bounds());
}

Rectangle Damage::bounds() const {
  Rectangle all;
  for (const Rectangle& each : rectangles_) all = united(all, each);
  return all;
}

}  // namespace desktop
