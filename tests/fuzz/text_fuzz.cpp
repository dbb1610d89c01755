// Text as RDP clients send it (clipboard, names): any 16-bit units become UTF-8 that stays what it is on the way back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "desktop/text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::u16string wide(size / 2, u'\0');
  std::memcpy(wide.data(), data, size / 2 * 2);
  const std::string text = desktop::to_utf8(wide);
  const std::u16string again = desktop::to_utf16(text);
  if (text.size() > 3 * wide.size() || again.size() != wide.size()) std::abort();
  if (desktop::to_utf8(again) != text) std::abort();
  desktop::to_utf16({reinterpret_cast<const char*>(data), size});
  const std::string windows = desktop::with_carriage_returns(text);
  if (windows.starts_with('\n') || desktop::with_line_feeds(text).size() > text.size()) std::abort();
  return 0;
}
