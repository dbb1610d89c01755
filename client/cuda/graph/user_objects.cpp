// Counting references to user objects, by the program and by graphs.
#include "client/cuda/graph/user_objects.h"

#include <unordered_map>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/graph.h"

namespace client::graph {
namespace {

std::unordered_map<const UserObject*, std::shared_ptr<UserObject>>& objects() {
  static auto* all = new std::unordered_map<const UserObject*, std::shared_ptr<UserObject>>;
  return *all;
}

std::shared_ptr<UserObject> find_object(CUuserObject handle) {
  auto found = objects().find(reinterpret_cast<const UserObject*>(handle));
  return found == objects().end() ? nullptr : found->second;
}

}  // namespace

void retain(UserObject& object, uint64_t count) { object.references += count; }

void release(const std::shared_ptr<UserObject>& object, uint64_t count) {
  object->references -= count;
  if (object->references) return;
  objects().erase(object.get());
  afterwards([object] { object->destroy(object->data); });
}

}  // namespace client::graph

using namespace client::graph;

OUTBOARD_EXPORT CUresult cuUserObjectCreate(CUuserObject* object_out, void* ptr, CUhostFn destroy,
                                            unsigned int initialRefcount, unsigned int flags) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  bool counted = initialRefcount >= 1 && initialRefcount <= INT32_MAX;
  if (!object_out || !destroy || !counted || flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC)
    return CUDA_ERROR_INVALID_VALUE;
  Hold hold;
  auto object = std::make_shared<UserObject>(UserObject{ptr, destroy, initialRefcount});
  objects()[object.get()] = object;
  *object_out = reinterpret_cast<CUuserObject>(object.get());
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuUserObjectRetain(CUuserObject object, unsigned int count) {
  Hold hold;
  auto found = find_object(object);
  if (!found || count == 0 || count > INT32_MAX) return CUDA_ERROR_INVALID_VALUE;
  retain(*found, count);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuUserObjectRelease(CUuserObject object, unsigned int count) {
  Hold hold;
  auto found = find_object(object);
  if (!found || count == 0 || count > found->references) return CUDA_ERROR_INVALID_VALUE;
  release(found, count);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuGraphRetainUserObject(CUgraph graph, CUuserObject object, unsigned int count,
                                                 unsigned int flags) {
  Hold hold;
  auto* owner = find(graph);
  auto found = find_object(object);
  bool move = flags == CU_GRAPH_USER_OBJECT_MOVE;
  if (!owner || !found || count == 0 || count > INT32_MAX || (flags && !move)) return CUDA_ERROR_INVALID_VALUE;
  if (move && count > found->references) return CUDA_ERROR_INVALID_VALUE;
  if (!move) retain(*found, count);
  owner->objects[found] += count;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuGraphReleaseUserObject(CUgraph graph, CUuserObject object, unsigned int count) {
  Hold hold;
  auto* owner = find(graph);
  auto found = find_object(object);
  if (!owner || !found || count == 0) return CUDA_ERROR_INVALID_VALUE;
  auto held = owner->objects.find(found);
  if (held == owner->objects.end() || held->second < count) return CUDA_ERROR_INVALID_VALUE;
  held->second -= count;
  if (!held->second) owner->objects.erase(held);
  release(found, count);
  return CUDA_SUCCESS;
}
