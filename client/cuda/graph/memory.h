// Memory that graphs allocate and free: addresses stay the same from launch to launch (CUDA Driver API,
// cuGraphAddMemAllocNode). A block keeps its device memory for as long as a graph or the program can use it.
#pragma once
#include <memory>

#include "client/cuda/graph/graph.h"

namespace client::graph {

struct Block {
  CUdeviceptr address = 0;
  size_t size = 0;
  CUdevice device = 0;
  bool live = false;                                 // allocated by a launch and not freed since
  bool reserved = false;                             // counts as reserved: launched, and not trimmed since
  bool freed_inside = false, freed_outside = false;  // by the graph that allocates it, by another

  Block() = default;
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
};

// The work of a new node of `graph` that comes after `dependencies`.
CUresult read(Graph& graph, const std::vector<Edge>& dependencies, CUDA_MEM_ALLOC_NODE_PARAMS& params,
              AllocateWork& work);
CUresult read(Graph& graph, CUdeviceptr address, FreeWork& work);

// At a launch, in the order of execution. CUDA_ERROR_INVALID_VALUE: something is allocated or freed twice.
CUresult account_launch(const std::vector<Node*>& order, bool free_first);

// The program frees `address` itself. False: no graph allocated it.
bool free_block(CUdeviceptr address, CUresult& result);

}  // namespace client::graph
