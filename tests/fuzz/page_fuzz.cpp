// What a browser sends to the page's server: every kind, cut, lengthened, and bytes that are none.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "desktop/web/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto message = desktop::web::read_from_page({data, size});
  if (!message) return 0;
  if (static_cast<uint8_t>(message->what) != data[0]) std::abort();
  if (message->text.size() >= size) std::abort();
  return 0;
}
