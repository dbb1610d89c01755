// A graph as text for Graphviz (CUDA Driver API, cuGraphDebugDotPrint).
#include <cstdio>
#include <memory>
#include <string>

#include "client/cuda/functions.h"
#include "client/cuda/graph/graph.h"
#include "client/cuda/modules.h"

namespace client::graph {
namespace {

constexpr const char* names[] = {
    "KERNEL",       "MEMCPY",           "MEMSET",         "HOST",      "GRAPH",    "EMPTY",        "WAIT_EVENT",
    "EVENT_RECORD", "EXT_SEMAS_SIGNAL", "EXT_SEMAS_WAIT", "MEM_ALLOC", "MEM_FREE", "BATCH_MEM_OP", "CONDITIONAL"};

template <class... Values>
std::string text(const char* format, Values... values) {
  char line[512];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

bool wanted(unsigned flags, unsigned which) { return flags & (CU_GRAPH_DEBUG_DOT_FLAGS_VERBOSE | which); }

std::string describe(const Node& node, unsigned flags) {
  std::string label = names[node.type()];
  if (wanted(flags, CU_GRAPH_DEBUG_DOT_FLAGS_HANDLES)) label += text("\\n%p", static_cast<const void*>(&node));
  if (auto* kernel = std::get_if<KernelWork>(&node.work)) {
    if (const Function* function = find_function(kernel->function)) label += "\\n" + function->name;
    const LaunchShape& shape = kernel->shape;
    if (wanted(flags, CU_GRAPH_DEBUG_DOT_FLAGS_KERNEL_NODE_PARAMS))
      label += text("\\n<<<(%u,%u,%u),(%u,%u,%u),%u>>>", shape.grid[0], shape.grid[1], shape.grid[2], shape.block[0],
                    shape.block[1], shape.block[2], shape.shared_bytes);
  }
  if (auto* copy = std::get_if<CopyWork>(&node.work);
      copy && wanted(flags, CU_GRAPH_DEBUG_DOT_FLAGS_MEMCPY_NODE_PARAMS))
    label += text("\\n%zu x %zu x %zu bytes", copy->copy.WidthInBytes, copy->copy.Height, copy->copy.Depth);
  if (auto* fill = std::get_if<FillWork>(&node.work);
      fill && wanted(flags, CU_GRAPH_DEBUG_DOT_FLAGS_MEMSET_NODE_PARAMS))
    label += text("\\n%#llx = %#x, %zu x %zu of %u bytes", fill->fill.dst, fill->fill.value, fill->fill.width,
                  fill->fill.height, fill->fill.elementSize);
  if (auto* host = std::get_if<HostWork>(&node.work); host && wanted(flags, CU_GRAPH_DEBUG_DOT_FLAGS_HOST_NODE_PARAMS))
    label += text("\\n%p(%p)", reinterpret_cast<void*>(host->run), host->data);
  return label;
}

class Printer {
 public:
  Printer(std::FILE* file, unsigned flags) : file_(file), flags_(flags) {}

  void print(const Graph& graph) {
    int number = graphs_++;
    std::fprintf(file_, "subgraph cluster_%d {\nlabel=\"graph_%d\";\n", number, number);
    std::unordered_map<const Node*, size_t> places;
    for (const auto& node : graph.nodes) {
      places.emplace(node.get(), places.size());
      std::fprintf(file_, "\"graph_%d_node_%zu\" [shape=\"box\" label=\"%zu\\n%s\"];\n", number, places[node.get()],
                   places[node.get()], describe(*node, flags_).c_str());
    }
    for (const auto& node : graph.nodes)
      for (const Edge& edge : node->dependencies)
        std::fprintf(file_, "\"graph_%d_node_%zu\" -> \"graph_%d_node_%zu\";\n", number, places[edge.before], number,
                     places[node.get()]);
    for (const auto& node : graph.nodes) {
      if (auto* child = std::get_if<ChildWork>(&node->work)) print(*child->graph);
      if (auto* conditional = std::get_if<ConditionalWork>(&node->work))
        for (const auto& body : conditional->bodies) print(*body);
    }
    std::fprintf(file_, "}\n");
  }

 private:
  std::FILE* file_;
  unsigned flags_;
  int graphs_ = 0;
};

}  // namespace
}  // namespace client::graph

using namespace client::graph;

OUTBOARD_EXPORT CUresult cuGraphDebugDotPrint(CUgraph hGraph, const char* path, unsigned int flags) {
  Hold hold;
  Graph* graph = find(hGraph);
  if (!graph || !path) return CUDA_ERROR_INVALID_VALUE;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "w"), std::fclose);
  if (!file) return CUDA_ERROR_OPERATING_SYSTEM;
  std::fprintf(file.get(), "digraph dot {\n");
  Printer(file.get(), flags).print(*graph);
  std::fprintf(file.get(), "}\n");
  return CUDA_SUCCESS;
}
