// What a module image is, from its first bytes; and cuLink, which collects parts: the device links them when the
// result is loaded (CUDA Driver API, "Module Management").
#include "client/cuda/images.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>

#include "client/cuda/capability.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/jit_log.h"
#include "image/bundle.h"
#include "image/fatbin.h"
#include "image/wrapper.h"

namespace {

using image::begins_with;
using Bytes = std::span<const std::byte>;
Bytes container(const void* fatbin) { return {static_cast<const std::byte*>(fatbin), image::fatbin_extent(fatbin)}; }

// What the device makes of a container anyway, without the machine code of ten generations beside it; empty: there
// is no PTX, which the device shall say. A part of a link must fit the others: newer ones stay out.
std::vector<std::byte> chosen(Bytes fatbin, const api::DeviceFacts& facts, bool part) {
  auto entries = image::parse_fatbin(fatbin);
  if (!entries || !facts.attributes[api::attribute_runs_every_ptx]) return {};
  uint32_t capability = client::capability_towards(fatbin.data(), facts).number();
  const image::Entry* entry = image::choose_ptx(entries.value(), capability);
  if (!entry && !part) entry = image::oldest_ptx(entries.value());
  return entry ? image::only(*entry) : std::vector<std::byte>();
}

void shrink(client::Image& found, const api::DeviceFacts& facts) {
  found.own = chosen(container(found.data), facts, false);
  found.size = found.own.empty() ? image::fatbin_extent(found.data) : found.own.size();
  if (!found.own.empty()) found.data = found.own.data();
}

client::Image linked(const void* const* parts, const api::DeviceFacts& facts) {
  std::vector<Bytes> list;
  std::vector<std::vector<std::byte>> smaller;
  for (; *parts; ++parts) {
    smaller.push_back(chosen(container(*parts), facts, true));
    list.push_back(smaller.back().empty() ? container(*parts) : smaller.back());
  }
  client::Image found;
  found.own = image::bundle(list);
  found.data = found.own.data();
  found.size = found.own.size();
  return found;
}

struct Link {
  std::vector<std::vector<std::byte>> parts;
  std::vector<std::byte> result;
};
std::mutex lock;
std::set<Link*>& links() {
  static auto* set = new std::set<Link*>;
  return *set;
}
Link* find(CUlinkState state) {
  auto* link = reinterpret_cast<Link*>(state);
  return links().contains(link) ? link : nullptr;
}

CUresult add(CUlinkState state, CUjitInputType type, const void* data, size_t size) {
  std::lock_guard hold(lock);
  Link* link = find(state);
  if (!link) return CUDA_ERROR_INVALID_HANDLE;
  if (!data || size == 0) return CUDA_ERROR_INVALID_VALUE;
  const auto* bytes = static_cast<const std::byte*>(data);
  switch (type) {
    case CU_JIT_INPUT_PTX: {
      const auto* text = static_cast<const char*>(data);
      link->parts.push_back(image::wrap_ptx({text, strnlen(text, size)}));
      return CUDA_SUCCESS;
    }
    case CU_JIT_INPUT_FATBINARY:
      if (size < 16 || !begins_with(data, image::container_magic) || image::fatbin_extent(data) > size)
        return CUDA_ERROR_INVALID_IMAGE;
      link->parts.emplace_back(bytes, bytes + image::fatbin_extent(data));
      return CUDA_SUCCESS;
    case CU_JIT_INPUT_CUBIN:
      if (!begins_with(data, image::elf_magic)) return CUDA_ERROR_INVALID_IMAGE;
      return CUDA_ERROR_NOT_SUPPORTED;
    default: return type < CU_JIT_NUM_INPUT_TYPES ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace

client::Image client::read_image(const void* image, const api::DeviceFacts& facts) {
  Image found;
  found.data = image;
  if (begins_with(image, image::wrapper_magic)) {
    image::Wrapper wrapper;
    std::memcpy(&wrapper, image, sizeof wrapper);
    if (wrapper.version == image::link_version && wrapper.parts) return linked(wrapper.parts, facts);
    found.data = wrapper.data;
    if (!found.data) return found;
  }
  if (size_t extent = image::bundle_extent(found.data))
    found.size = extent;
  else if (begins_with(found.data, image::container_magic))
    shrink(found, facts);
  else if (begins_with(found.data, image::elf_magic))
    found.size = image::elf_extent(found.data);
  else
    found.size = std::strlen(static_cast<const char*>(found.data)) + 1;
  return found;
}

OUTBOARD_EXPORT CUresult cuLinkCreate_v2(unsigned int numOptions, CUjit_option* options, void** optionValues,
                                         CUlinkState* stateOut) {
  if (CUresult result = client::require_context()) return result;
  if (!stateOut || (numOptions && (!options || !optionValues))) return CUDA_ERROR_INVALID_VALUE;
  client::put_jit_log({}, numOptions, options, optionValues);
  auto link = std::make_unique<Link>();
  std::lock_guard hold(lock);
  links().insert(link.get());
  *stateOut = reinterpret_cast<CUlinkState>(link.release());
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void* data, size_t size, const char*,
                                          unsigned int, CUjit_option*, void**) {
  return add(state, type, data, size);
}

OUTBOARD_EXPORT CUresult cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char* path, unsigned int,
                                          CUjit_option*, void**) {
  if (!path) return CUDA_ERROR_INVALID_VALUE;
  std::ifstream file(path, std::ios::binary);
  if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return add(state, type, bytes.data(), bytes.size());
}

// Loads the result once, so that what cannot be linked is known here.
OUTBOARD_EXPORT CUresult cuLinkComplete(CUlinkState state, void** cubinOut, size_t* sizeOut) {
  if (CUresult result = client::require_context()) return result;
  std::vector<std::byte> bundled;
  {
    std::lock_guard hold(lock);
    Link* link = find(state);
    if (!link || !cubinOut) return CUDA_ERROR_INVALID_VALUE;
    bundled = image::bundle({link->parts.begin(), link->parts.end()});
  }
  CUmodule trial = nullptr;
  if (CUresult result = cuModuleLoadData(&trial, bundled.data())) return result;
  cuModuleUnload(trial);
  std::lock_guard hold(lock);
  Link* link = find(state);
  if (!link) return CUDA_ERROR_INVALID_VALUE;
  link->result = std::move(bundled);
  *cubinOut = link->result.data();
  if (sizeOut) *sizeOut = link->result.size();
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuLinkDestroy(CUlinkState state) {
  std::lock_guard hold(lock);
  Link* link = find(state);
  if (!link) return CUDA_ERROR_INVALID_HANDLE;
  links().erase(link);
  std::unique_ptr<Link> gone(link);
  return CUDA_SUCCESS;
}
