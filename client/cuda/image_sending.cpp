#include "client/cuda/image_sending.h"

#include <algorithm>
#include <cstring>

#include "api/cuda/internal.h"
#include "base/log.h"
#include "client/session.h"

namespace client {
namespace {

constexpr size_t first_room = size_t{64} << 10;  // most descriptions fit
constexpr size_t piece = size_t{1} << 20;
constexpr size_t largest = size_t{1} << 30;

// What did not fit into the first answer; the description has room for all of it.
CUresult fetch_rest(CUmodule number, std::vector<std::byte>& description) {
  for (size_t have = first_room; have < description.size(); have += piece)
    if (CUresult result = remote::obModuleDescribe(number, have, description.data() + have,
                                                   std::min(piece, description.size() - have)))
      return result;
  return CUDA_SUCCESS;
}

}  // namespace

void report_log(std::string_view text, unsigned count, CUjit_option* options, void** values) {
  if (text.empty()) return;
  base::log(base::Level::warn, "module-refused", {{"reason", std::string(text)}});
  char* buffer = nullptr;
  size_t* room = nullptr;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER) buffer = static_cast<char*>(values[i]);
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) room = reinterpret_cast<size_t*>(&values[i]);
  }
  if (!buffer || !room || !*room) return;
  size_t length = std::min(text.size(), *room - 1);
  std::memcpy(buffer, text.data(), length);
  buffer[length] = 0;
  *room = length;
}

CUresult send_image(const Image& image, CUmodule* number, uint64_t first, LoadReply& reply) {
  char log[4096];
  size_t described = 0, logged = 0;
  reply.description.resize(first_room);
  ImageDigest digest;
  CUresult result = CUDA_ERROR_NOT_FOUND;
  if (image.size >= known_image_from && name_image({static_cast<const std::byte*>(image.data), image.size}, digest))
    result = remote::obModuleLoadKnown(number, first, &digest, &described, reply.description.data(), first_room,
                                       &logged, log, sizeof log);
  if (result == CUDA_ERROR_NOT_FOUND || result == CUDA_ERROR_NOT_SUPPORTED)
    result = remote::obModuleLoad(number, first, image.data, image.size, &described, reply.description.data(),
                                  first_room, &logged, log, sizeof log);
  reply.log.assign(log, std::min(logged, sizeof log));
  if (result) return result;
  if (described > largest) return CUDA_ERROR_UNKNOWN;
  reply.description.resize(described);
  return fetch_rest(*number, reply.description);
}

}  // namespace client
