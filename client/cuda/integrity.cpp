// The answer to cudart's integrity check, for interoperability; a build with OUTBOARD_INTEGRITY_ANSWER=OFF
// refuses it, and then no program with NVIDIA's cudart starts. See docs/legal.md.
#include "client/cuda/integrity.h"

#include <pthread.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/md2.h"

namespace client {

#if OUTBOARD_INTEGRITY_ANSWER

namespace {

// Facts of the interface, published by other implementations of it.
constexpr uint8_t key[16] = {0x14, 0x6A, 0xDD, 0xAE, 0x53, 0xA9, 0xA7, 0x52,
                             0xAA, 0x08, 0x41, 0x36, 0x0B, 0xF5, 0x5A, 0x9F};
constexpr uint8_t fixed_answer[16] = {0x5C, 0x67, 0xCB, 0x03, 0x1C, 0x18, 0x41, 0x33,
                                      0xE8, 0xD1, 0x4C, 0x1F, 0xAA, 0x83, 0xD3, 0x8E};

// Little-endian fields one after another, without padding.
class Message {
 public:
  template <class T>
  void put(const T& field) {
    const auto* first = reinterpret_cast<const uint8_t*>(&field);
    bytes_.insert(bytes_.end(), first, first + sizeof field);
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

void put_device(Message& message, CUdevice device) {
  CUuuid uuid{};
  cuDeviceGetUuid_v2(&uuid, device);
  message.put(uuid);
  for (auto attribute :
       {CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID}) {
    int32_t value = 0;
    cuDeviceGetAttribute(&value, attribute, device);
    message.put(value);
  }
}

}  // namespace

CUresult answer_integrity_check(const IntegrityAddresses& addresses, uint32_t version, uint64_t unix_seconds,
                                uint8_t result[16]) {
  if (version % 10 < 2) {
    std::memcpy(result, fixed_answer, sizeof fixed_answer);
    if (version % 10 == 1) result[7] = 0x18;
    return CUDA_SUCCESS;
  }
  int driver_version = 0;
  cuDriverGetVersion(&driver_version);
  Message message;
  message.put(static_cast<uint32_t>(driver_version));
  message.put(version);
  message.put(static_cast<uint32_t>(getpid()));
  message.put(static_cast<uint32_t>(pthread_self()));
  message.put(addresses.cudart_interface);
  message.put(addresses.own_table);
  message.put(addresses.own_function);
  message.put(unix_seconds);
  for (CUdevice device = 0; device < visible_devices(); ++device) put_device(message, device);
  Digest digest = hmac_md2(key, message.bytes());
  std::memcpy(result, digest.data(), digest.size());
  return CUDA_SUCCESS;
}

#else

CUresult answer_integrity_check(const IntegrityAddresses&, uint32_t, uint64_t, uint8_t[16]) {
  return CUDA_ERROR_NOT_SUPPORTED;
}

#endif

}  // namespace client
