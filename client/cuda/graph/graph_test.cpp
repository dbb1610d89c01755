// Order, copies, updates and memory of graphs, without a device.
#include "client/cuda/graph/graph.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/memory.h"
#include "client/cuda/graph/update.h"
#include "client/cuda/graph/user_objects.h"
#include "client/cuda/memory_map.h"
#include "client/cuda/modules.h"
#include "client/session.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

// Exports that other files bring in the library; here they only need to be there.
#define ROW(since, name, params) \
  extern "C" __attribute__((weak)) CUresult name params { return CUDA_ERROR_UNKNOWN; }
#include "api/cuda/cuda.def"

namespace {
int freed = 0;
client::Context context;
}  // namespace

namespace client {
bool initialised() { return true; }
CUresult require_context() { return CUDA_SUCCESS; }
Context* current() { return &context; }
int server_ordinal(CUdevice) { return 0; }
Function* find_function(CUfunction) { return nullptr; }
void remember(const Range&) {}
bool forget(uint64_t) { return true; }
}  // namespace client
namespace client::graph {
Exec* find(CUgraphExec) { return nullptr; }
}  // namespace client::graph
namespace remote {
CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t) {
  static CUdeviceptr next = 0x1000;
  *address = next += 0x1000;
  return CUDA_SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr) { return ++freed, CUDA_SUCCESS; }
}  // namespace remote

namespace client::graph {
namespace {

class Graphs : public testing::Test {
 protected:
  Node& add(Graph& graph, std::vector<Node*> after = {}, Work work = EmptyWork{}) {
    std::vector<Edge> edges;
    for (Node* node : after) edges.push_back({node, {}});
    Node* made = nullptr;
    EXPECT_EQ(add_node(graph, std::move(edges), std::move(work), made), CUDA_SUCCESS);
    return *made;
  }
  CUgraphExecUpdateResultInfo differ(const Graph& was, const Graph& now) {
    std::vector<std::pair<Node*, Node*>> pairs;
    CUgraphExecUpdateResultInfo info{};
    EXPECT_FALSE(pair_nodes(was, now, pairs, info));
    return info;
  }

  Hold hold;
  Graph graph;
};

bool in_order(const std::vector<Node*>& order) {
  for (size_t i = 0; i < order.size(); ++i)
    for (const Edge& edge : order[i]->dependencies)
      if (std::find(order.begin(), order.begin() + static_cast<long>(i), edge.before) ==
          order.begin() + static_cast<long>(i))
        return false;
  return true;
}

TEST_F(Graphs, OrderRespectsEdgesThatCameLater) {
  Node &a = add(graph), &b = add(graph), &c = add(graph, {&a});
  ASSERT_EQ(connect(c, b, {}), CUDA_SUCCESS);
  auto order = topological_order(graph);
  ASSERT_EQ(order.size(), 3u);
  EXPECT_TRUE(in_order(order));
  EXPECT_TRUE(precedes(a, b));
  EXPECT_FALSE(precedes(b, a));
}

TEST_F(Graphs, ACircleHasNoOrder) {
  Node &a = add(graph), &b = add(graph, {&a});
  ASSERT_EQ(connect(b, a, {}), CUDA_SUCCESS);
  EXPECT_TRUE(topological_order(graph).empty());
  ASSERT_EQ(disconnect(b, a, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(topological_order(graph).size(), 2u);
}

TEST_F(Graphs, EdgesAreMadeOnceAndRemovedWithTheirNode) {
  Node &a = add(graph), &b = add(graph, {&a});
  EXPECT_EQ(connect(a, b, {}), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(connect(a, a, {}), CUDA_ERROR_INVALID_VALUE);
  CUgraphEdgeData programmatic{1, 0, 1, {}};
  EXPECT_EQ(disconnect(a, b, &programmatic), CUDA_ERROR_INVALID_VALUE);
  remove(a);
  EXPECT_TRUE(b.dependencies.empty());
}

TEST_F(Graphs, CopiesAreWholeAndApart) {
  Node& a = add(graph);
  ChildWork child{std::make_unique<Graph>()};
  add(*child.graph);
  Node& inside = *child.graph->nodes[0];
  Node& b = add(graph, {&a}, std::move(child));
  Copies copies;
  std::unique_ptr<Graph> twin = copy(graph, &copies);
  ASSERT_EQ(twin->nodes.size(), 2u);
  EXPECT_EQ(copies.at(&b)->dependencies[0].before, copies.at(&a));
  EXPECT_NE(copies.at(&inside)->graph, inside.graph);
  EXPECT_EQ(copies.at(&inside)->copied_from, inside.id);
  EXPECT_EQ(flat_order(*twin).size(), 2u);
}

TEST_F(Graphs, UpdatesPairNodesByTheirEdges) {
  Graph other;
  Node &a = add(graph), &b = add(graph), &c = add(graph, {&a, &b}, HostWork{});
  Node &b2 = add(other), &a2 = add(other), &c2 = add(other, {&a2, &b2}, HostWork{});
  std::vector<std::pair<Node*, Node*>> pairs;
  CUgraphExecUpdateResultInfo info{};
  ASSERT_TRUE(pair_nodes(graph, other, pairs, info));
  EXPECT_EQ(pairs, (std::vector<std::pair<Node*, Node*>>{{&c, &c2}, {&a, &a2}, {&b, &b2}}));
}

TEST_F(Graphs, UpdatesNoticeAnotherShape) {
  Node &a = add(graph), &b = add(graph, {&a});
  add(graph, {&a, &b});
  Graph fewer;
  add(fewer);
  EXPECT_EQ(differ(graph, fewer).result, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
  EXPECT_EQ(differ(graph, fewer).errorNode, nullptr);
  Graph line;
  Node &x = add(line), &y = add(line, {&x}), &z = add(line, {&y});
  EXPECT_EQ(differ(graph, line).errorNode, handle_of(&z));
  Graph typed;
  Node &p = add(typed), &q = add(typed, {&p}, HostWork{});
  add(typed, {&p, &q});
  EXPECT_EQ(differ(graph, typed).result, CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED);
  Graph crossed;  // the same numbers of edges, between other nodes
  Node &m = add(crossed), &n = add(crossed, {&m});
  add(crossed, {&n, &m});
  auto info = differ(graph, crossed);
  EXPECT_EQ(info.result, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
}

TEST_F(Graphs, RulesOfUpdates) {
  FillWork line{{0x1000, 0, 1, 4, 16, 1, nullptr}}, plane{{0x1000, 64, 1, 4, 8, 4, nullptr}}, wider = plane;
  wider.fill.width = 9;
  EXPECT_EQ(check_change(line, FillWork{{0x2000, 0, 2, 1, 5, 1, nullptr}}), CU_GRAPH_EXEC_UPDATE_SUCCESS);
  EXPECT_EQ(check_change(plane, wider), CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED);
  CopyWork down{}, up{};
  down.copy.srcMemoryType = up.copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  down.copy.dstMemoryType = up.copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  EXPECT_EQ(check_change(down, up), CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED);
  KernelWork plain{}, cooperative{};
  cooperative.shape.cooperative = 1;
  EXPECT_EQ(check_change(plain, cooperative), CU_GRAPH_EXEC_UPDATE_ERROR_ATTRIBUTES_CHANGED);
  EXPECT_EQ(check_change(plain, EmptyWork{}), CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED);
}

TEST_F(Graphs, MemoryIsUsedAgainAfterItWasFreed) {
  CUDA_MEM_ALLOC_NODE_PARAMS params{};
  params.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  params.poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  params.bytesize = 100;
  AllocateWork first, beside, after;
  FreeWork free, twice;
  ASSERT_EQ(read(graph, {}, params, first), CUDA_SUCCESS);
  CUdeviceptr address = params.dptr;
  Node& allocated = add(graph, {}, first);
  EXPECT_EQ(read(graph, 0x7777, free), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(read(graph, address, free), CUDA_SUCCESS);
  Node& released = add(graph, {&allocated}, free);
  EXPECT_EQ(read(graph, address, twice), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(read(graph, {{&allocated, {}}}, params, beside), CUDA_SUCCESS);
  EXPECT_NE(params.dptr, address);  // nothing says that it is free by then
  ASSERT_EQ(read(graph, {{&released, {}}}, params, after), CUDA_SUCCESS);
  EXPECT_EQ(params.dptr, address);
  ASSERT_EQ(account_launch(topological_order(graph), false), CUDA_SUCCESS);
  EXPECT_FALSE(first.block->live);
}

int destroyed = 0;

TEST(UserObjects, LiveAsLongAsAnyGraph) {
  CUuserObject object;
  auto destroy = [](void*) { ++destroyed; };
  ASSERT_EQ(cuUserObjectCreate(&object, nullptr, destroy, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC), CUDA_SUCCESS);
  std::unique_ptr<Graph> twin;
  {
    Hold hold;
    Graph* graph = create();
    ASSERT_EQ(cuGraphRetainUserObject(handle_of(graph), object, 1, CU_GRAPH_USER_OBJECT_MOVE), CUDA_SUCCESS);
    twin = copy(*graph);
    withdraw(graph);
  }
  EXPECT_EQ(destroyed, 0);
  {
    Hold hold;
    twin.reset();
    EXPECT_EQ(destroyed, 0);  // not while the lock is held
  }
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(cuUserObjectRelease(object, 1), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace client::graph
