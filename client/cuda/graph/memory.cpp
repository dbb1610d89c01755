// Which block a node gets, what is allocated at each moment, and the figures about it.
#include "client/cuda/graph/memory.h"

#include <algorithm>
#include <map>
#include <set>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/memory_map.h"
#include "client/session.h"

namespace client::graph {
namespace {

struct Figures {
  uint64_t used = 0, most_used = 0, reserved = 0, most_reserved = 0;  // bytes
};

struct Blocks {
  std::map<CUdeviceptr, std::weak_ptr<Block>> all;
  std::map<CUdeviceptr, std::shared_ptr<Block>> live;  // kept although their graph may be gone
  std::map<CUdevice, Figures> figures;
};
Blocks& blocks() {
  static auto* the = new Blocks;
  return *the;
}

void set_live(const std::shared_ptr<Block>& block, bool live) {
  if (block->live == live) return;
  Figures& figures = blocks().figures[block->device];
  block->live = live;
  if (live) {
    blocks().live[block->address] = block;
    figures.most_used = std::max(figures.most_used, figures.used += block->size);
  } else {
    figures.used -= block->size;
    blocks().live.erase(block->address);
  }
}

void set_reserved(Block& block, bool reserved) {
  if (block.reserved == reserved) return;
  Figures& figures = blocks().figures[block.device];
  block.reserved = reserved;
  figures.reserved += reserved ? block.size : -block.size;
  figures.most_reserved = std::max(figures.most_reserved, figures.reserved);
}

CUresult make_block(size_t size, std::shared_ptr<Block>& made) {
  if (CUresult result = require_context()) return result;
  auto block = std::make_shared<Block>();
  if (CUresult result = remote::cuMemAlloc_v2(&block->address, size)) return result;
  block->size = size;
  block->device = current()->device;
  remember({block->address, size, Kind::device, current(), 0, nullptr});
  blocks().all[block->address] = block;
  made = std::move(block);
  return CUDA_SUCCESS;
}

bool reached(const Node& node, const std::vector<Edge>& dependencies) {
  return std::ranges::any_of(dependencies,
                             [&](const Edge& edge) { return edge.before == &node || precedes(node, *edge.before); });
}

// How often the graph allocates a block, less how often it frees it.
int balance(const Graph& graph, const Block& block) {
  int open = 0;
  for (const auto& node : graph.nodes) {
    if (auto* made = std::get_if<AllocateWork>(&node->work)) open += made->block.get() == &block;
    if (auto* freed = std::get_if<FreeWork>(&node->work)) open -= freed->block.get() == &block;
  }
  return open;
}

// A block that the graph is sure to have freed before: its address is used again.
std::shared_ptr<Block> reusable(const Graph& graph, const std::vector<Edge>& dependencies, size_t size) {
  for (const auto& node : graph.nodes) {
    auto* freed = std::get_if<FreeWork>(&node->work);
    if (!freed || freed->block->size < size || balance(graph, *freed->block) != 0) continue;
    bool all_before = std::ranges::all_of(graph.nodes, [&](const auto& other) {
      auto* work = std::get_if<FreeWork>(&other->work);
      return !work || work->block != freed->block || reached(*other, dependencies);
    });
    if (all_before) return freed->block;
  }
  return nullptr;
}

}  // namespace

Block::~Block() {
  if (!address) return;
  set_reserved(*this, false);
  blocks().all.erase(address);
  if (forget(address)) afterwards([address = address] { remote::cuMemFree_v2(address); });  // waits for its users
}

CUresult read(Graph& graph, const std::vector<Edge>& dependencies, CUDA_MEM_ALLOC_NODE_PARAMS& params,
              AllocateWork& work) {
  const CUmemPoolProps& pool = params.poolProps;
  if (!params.bytesize || pool.allocType != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  if (pool.location.type != CU_MEM_LOCATION_TYPE_DEVICE || server_ordinal(pool.location.id) < 0)
    return CUDA_ERROR_INVALID_VALUE;
  if (pool.handleTypes != CU_MEM_HANDLE_TYPE_NONE) return CUDA_ERROR_NOT_SUPPORTED;
  if (params.accessDescCount && !params.accessDescs) return CUDA_ERROR_INVALID_VALUE;
  work.block = reusable(graph, dependencies, params.bytesize);
  if (work.block) work.block->freed_inside = false;  // not this time
  if (!work.block)
    if (CUresult result = make_block(params.bytesize, work.block)) return result;
  params.dptr = work.block->address;
  work.params = params;
  work.access.assign(params.accessDescs, params.accessDescs + params.accessDescCount);
  return CUDA_SUCCESS;
}

CUresult read(Graph& graph, CUdeviceptr address, FreeWork& work) {
  auto found = blocks().all.find(address);
  std::shared_ptr<Block> block = found == blocks().all.end() ? nullptr : found->second.lock();
  if (!block) return CUDA_ERROR_INVALID_VALUE;
  bool own = false, again = false;  // the graph allocates it; frees it already
  for (const auto& node : graph.nodes) {
    auto* made = std::get_if<AllocateWork>(&node->work);
    auto* freed = std::get_if<FreeWork>(&node->work);
    own |= made && made->block == block;
    again |= freed && freed->block == block;
  }
  bool allowed = own ? balance(graph, *block) == 1 && !block->freed_outside : !again && !block->freed_inside;
  if (!allowed) return CUDA_ERROR_INVALID_VALUE;
  (own ? block->freed_inside : block->freed_outside) = true;
  work.address = address;
  work.block = std::move(block);
  return CUDA_SUCCESS;
}

CUresult account_launch(const std::vector<Node*>& order, bool free_first) {
  std::map<std::shared_ptr<Block>, bool> state;  // live, after what came before
  auto now = [&](const std::shared_ptr<Block>& block) -> bool& {
    return state.try_emplace(block, block->live).first->second;
  };
  std::set<Block*> fresh;
  for (Node* node : order) {
    if (auto* made = std::get_if<AllocateWork>(&node->work)) {
      bool first = fresh.insert(made->block.get()).second;
      if (now(made->block) && !(first && free_first)) return CUDA_ERROR_INVALID_VALUE;
      now(made->block) = true;
    }
    if (auto* freed = std::get_if<FreeWork>(&node->work)) {
      if (!now(freed->block)) return CUDA_ERROR_INVALID_VALUE;
      now(freed->block) = false;
    }
  }
  for (auto& [block, live] : state) {
    set_reserved(*block, true);
    set_live(block, true);  // at some time during the launch
  }
  for (auto& [block, live] : state) set_live(block, live);
  return CUDA_SUCCESS;
}

bool free_block(CUdeviceptr address, CUresult& result) {
  Hold hold;
  auto found = blocks().all.find(address);
  std::shared_ptr<Block> block = found == blocks().all.end() ? nullptr : found->second.lock();
  if (!block) return false;
  result = block->live ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  set_live(block, false);
  return true;
}

}  // namespace client::graph

using client::graph::Hold;

namespace {

CUresult known(CUdevice device) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  return client::server_ordinal(device) < 0 ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void* value_) {
  if (CUresult result = known(device)) return result;
  if (!value_) return CUDA_ERROR_INVALID_VALUE;
  Hold hold;
  const client::graph::Figures& figures = client::graph::blocks().figures[device];
  const uint64_t values[] = {figures.used, figures.most_used, figures.reserved, figures.most_reserved};
  if (attr > CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH) return CUDA_ERROR_INVALID_VALUE;
  *static_cast<cuuint64_t*>(value_) = values[attr];
  return CUDA_SUCCESS;
}

// High-water marks can be reset, to zero, which means what is there now.
OUTBOARD_EXPORT CUresult cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void* value_) {
  if (CUresult result = known(device)) return result;
  if (!value_ || *static_cast<cuuint64_t*>(value_)) return CUDA_ERROR_INVALID_VALUE;
  Hold hold;
  client::graph::Figures& figures = client::graph::blocks().figures[device];
  switch (attr) {
    case CU_GRAPH_MEM_ATTR_USED_MEM_HIGH: figures.most_used = figures.used; return CUDA_SUCCESS;
    case CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH: figures.most_reserved = figures.reserved; return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

OUTBOARD_EXPORT CUresult cuDeviceGraphMemTrim(CUdevice device) {
  if (CUresult result = known(device)) return result;
  Hold hold;
  for (auto& [address, weak] : client::graph::blocks().all)
    if (auto block = weak.lock(); block && block->device == device && !block->live)
      client::graph::set_reserved(*block, false);
  return CUDA_SUCCESS;
}
