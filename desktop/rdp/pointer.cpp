#include "desktop/rdp/pointer.h"

#include <vector>

namespace desktop::rdp {
namespace {

constexpr int most_side = 96;  // larger ones need a capability that few clients have

// Rows from the last to the first; the AND mask one bit a pixel, its rows padded to 16 bits.
struct Masks {
  explicit Masks(const Cursor& cursor) {
    const auto width = static_cast<size_t>(cursor.size.width), height = static_cast<size_t>(cursor.size.height);
    const size_t stride = (width + 15) / 16 * 2;
    colours.resize(width * height * 4);
    transparent.resize(stride * height);
    for (size_t y = 0; y < height; ++y) {
      const uint32_t* row = cursor.pixels.data() + (height - 1 - y) * width;
      for (size_t x = 0; x < width; ++x) {
        for (size_t byte = 0; byte < 4; ++byte)
          colours[(y * width + x) * 4 + byte] = static_cast<BYTE>(row[x] >> (8 * byte));
        if (row[x] >> 24 == 0) transparent[y * stride + x / 8] |= static_cast<BYTE>(0x80 >> x % 8);
      }
    }
  }
  std::vector<BYTE> colours, transparent;
};

}  // namespace

bool Pointer::show_system(UINT32 kind) {
  POINTER_SYSTEM_UPDATE update{};
  update.type = kind;
  return context_->update->pointer->PointerSystem(context_, &update);
}

bool Pointer::show(const Cursor& cursor) {
  if (cursor.pixels.empty()) return show_system(SYSPTR_NULL);
  if (cursor.size.width > most_side || cursor.size.height > most_side) return show_system(SYSPTR_DEFAULT);
  Masks masks(cursor);
  POINTER_NEW_UPDATE update{};
  update.xorBpp = 32;
  POINTER_COLOR_UPDATE& shape = update.colorPtrAttr;
  shape.cacheIndex = 0;
  shape.width = static_cast<UINT16>(cursor.size.width);
  shape.height = static_cast<UINT16>(cursor.size.height);
#if FREERDP_VERSION_MAJOR >= 3
  shape.hotSpotX = static_cast<UINT16>(cursor.hot_x);
  shape.hotSpotY = static_cast<UINT16>(cursor.hot_y);
#else
  shape.xPos = static_cast<UINT32>(cursor.hot_x);
  shape.yPos = static_cast<UINT32>(cursor.hot_y);
#endif
  shape.lengthXorMask = static_cast<UINT16>(masks.colours.size());
  shape.lengthAndMask = static_cast<UINT16>(masks.transparent.size());
  shape.xorMaskData = masks.colours.data();
  shape.andMaskData = masks.transparent.data();
  POINTER_CACHED_UPDATE cached{};
  return context_->update->pointer->PointerNew(context_, &update) &&
         context_->update->pointer->PointerCached(context_, &cached);
}

}  // namespace desktop::rdp
