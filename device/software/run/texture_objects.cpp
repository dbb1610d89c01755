// The table behind texture and surface handles, and what a handle tells without a texel being touched.
#include "device/software/run/texture_objects.h"

#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <vector>

#include "base/log.h"
#include "device/software/run/block.h"

namespace software {
namespace {

// As many as hardware has (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability").
constexpr size_t capacity = 1 << 20;
constexpr size_t page = 1 << 10;  // entries

// Pages come when they are needed and stay: whoever looks a handle up takes no lock.
struct Table {
  using Page = std::array<std::atomic<const Texture*>, page>;
  std::array<std::atomic<Page*>, capacity / page> pages{};
  std::mutex lock;
  std::vector<uint64_t> free;
  uint64_t next = 1;  // 0 is nobody's handle
};

Table& table() {
  static auto* the = new Table;  // kernels may still run while the process exits
  return *the;
}

std::atomic<const Texture*>* entry(uint64_t handle) {
  if (handle >= capacity) return nullptr;
  Table::Page* found = table().pages[handle / page].load(std::memory_order_acquire);
  return found ? &(*found)[handle % page] : nullptr;
}

std::string hexadecimal(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

void record(Warp* warp, const char* event, uint64_t handle, CUresult result) {
  Job& job = *static_cast<Block*>(warp->block)->job;
  if (!job.failed())
    base::log(base::Level::error, event, {{"kernel", warp->launch->kernel_name}, {"handle", hexadecimal(handle)}});
  job.fail(result);
}

// Values of OpenCL's enumerations, which the PTX ISA names ("Channel Data Type and Channel Order Fields").
uint32_t channel_data_type(const Texture& texture) {
  constexpr uint32_t snorm8 = 0x10d0, snorm16 = 0x10d1, unorm8 = 0x10d2, unorm16 = 0x10d3, signed8 = 0x10d7,
                     signed16 = 0x10d8, signed32 = 0x10d9, unsigned8 = 0x10da, unsigned16 = 0x10db, unsigned32 = 0x10dc,
                     half = 0x10dd, single = 0x10de;
  bool norm = texture.normalised;
  switch (texture.channel) {
    case Channel::u8: return norm ? unorm8 : unsigned8;
    case Channel::s8: return norm ? snorm8 : signed8;
    case Channel::u16: return norm ? unorm16 : unsigned16;
    case Channel::s16: return norm ? snorm16 : signed16;
    case Channel::u32: return unsigned32;
    case Channel::s32: return signed32;
    case Channel::f16: return half;
    default: return single;
  }
}

uint32_t channel_order(const Texture& texture) {
  constexpr uint32_t r = 0x10b0, rg = 0x10b2, rgba = 0x10b5;
  return texture.channels == 1 ? r : texture.channels == 2 ? rg : rgba;
}

// In the order in which the PTX ISA lists them: wrap, mirror, clamp_ogl, clamp_to_edge, clamp_to_border.
uint32_t address_mode(AddressMode mode) {
  constexpr uint32_t values[] = {0, 3, 1, 4};
  return values[static_cast<size_t>(mode)];
}

uint32_t answer(const Texture& texture, TextureQuery query, uint32_t level) {
  const Image& image = texture.level[level < texture.levels ? level : texture.levels - 1];
  const Sampler& sampler = texture.sampler;
  bool deep = !texture.layered && !texture.cube && texture.dimensions == 3;
  switch (query) {
    case TextureQuery::width: return image.width;
    case TextureQuery::height: return texture.dimensions > 1 ? image.height : 0;
    case TextureQuery::depth: return deep ? image.depth : 0;
    case TextureQuery::channel_data_type: return channel_data_type(texture);
    case TextureQuery::channel_order: return channel_order(texture);
    case TextureQuery::normalized_coords: return sampler.normalised;
    case TextureQuery::array_size: return texture.layered ? texture.layers() : 0;
    case TextureQuery::num_mipmap_levels: return texture.levels;
    case TextureQuery::num_samples: return 1;
    case TextureQuery::force_unnormalized_coords: return !sampler.normalised;
    case TextureQuery::filter_mode: return sampler.linear;
    case TextureQuery::addr_mode_0: return address_mode(sampler.address[0]);
    case TextureQuery::addr_mode_1: return address_mode(sampler.address[1]);
    case TextureQuery::addr_mode_2: return address_mode(sampler.address[2]);
    case TextureQuery::memory_layout: return 0;
  }
  return 0;
}

}  // namespace

uint64_t add_texture(const Texture* texture) {
  Table& all = table();
  std::lock_guard hold(all.lock);
  uint64_t handle = all.next;
  if (!all.free.empty()) {
    handle = all.free.back();
    all.free.pop_back();
  } else if (all.next++ >= capacity) {
    return all.next = capacity, 0;
  }
  auto& place = all.pages[handle / page];
  if (!place.load()) place.store(new Table::Page{}, std::memory_order_release);
  (*place.load())[handle % page].store(texture, std::memory_order_release);
  return handle;
}

void remove_texture(uint64_t handle) {
  std::lock_guard hold(table().lock);
  auto* place = entry(handle);
  if (place && place->exchange(nullptr)) table().free.push_back(handle);
}

const Texture* find_texture(uint64_t handle) {
  auto* place = entry(handle);
  return place ? place->load(std::memory_order_acquire) : nullptr;
}

const Texture* texture_of(Warp* warp, uint64_t handle, Texture::Kind kind) {
  const Texture* found = find_texture(handle);
  if (found && found->kind == kind) return found;
  const char* event = kind == Texture::surface ? "kernel uses what is no surface" : "kernel uses what is no texture";
  record(warp, event, handle, CUDA_ERROR_ILLEGAL_ADDRESS);
  static_cast<Block*>(warp->block)->worker->abandon();
}

void surface_trap(Warp* warp, uint64_t handle) {
  record(warp, "kernel accesses a surface beyond its edge", handle, CUDA_ERROR_LAUNCH_FAILED);
  static_cast<Block*>(warp->block)->worker->abandon();
}

}  // namespace software

using namespace software;

uint32_t outboard_texture_query(Warp* warp, uint32_t lanes, uint32_t query, uint64_t object, uint32_t level) {
  if (!lanes) return 0;
  const Texture* found = find_texture(object);
  if (!found) found = texture_of(warp, object, Texture::texture);
  return answer(*found, static_cast<TextureQuery>(query), level);
}

uint32_t outboard_texture_kind(uint64_t object) {
  const Texture* found = find_texture(object);
  return found ? found->kind + 1u : 0;
}
