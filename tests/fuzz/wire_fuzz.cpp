// Requests from anywhere, to every function that travels: bound and answered, or refused as malformed. The device
// answers nothing, so what runs here is the decoder alone. The first byte chooses greeting or call.
#include <cstdint>
#include <cstring>
#include <vector>

#include "device/refusing.h"
#include "server/rows.h"
#include "wire/hello.h"

namespace {

const device::Driver& driver() {
  static const device::Driver made = device::refusing_driver();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::vector<std::byte> bytes(size - 1);
  if (size > 1) std::memcpy(bytes.data(), data + 1, size - 1);
  if (data[0] == 'h') (void)wire::read_hello(bytes);
  if (data[0] == 'w') (void)wire::read_welcome(bytes);
  if (data[0] != 'c') return 0;
  server::Objects objects;
  int fake;
  objects.add(16, &api::type_of<CUstream>, &fake);
  server::Call call(objects, bytes);
  if (const server::Function* function = server::find_function(call.head().opcode)) function->serve(driver(), call);
  return 0;
}
