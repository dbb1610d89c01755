// vgpu_api.h over the client: each handle is a context of the one connection that a process has.
#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#define VGPU_API __attribute__((visibility("default")))
#include "api/cuda/abi.h"
#include "client/cuda/functions.h"
#include "client/joined.h"
#include "client/session.h"
#include "client/target.h"
#include "vgpu/handles.h"
#include "vgpu/vgpu_api.h"
#include "wire/message.h"

namespace vgpu {
namespace {

constexpr int connect_ms = 10000;

struct Connection {
  CUcontext context = nullptr;
};
struct Memory {
  const Connection* owner;
  CUdeviceptr address;
  size_t size;
};
struct Module {
  const Connection* owner;
  CUmodule module;
};
struct Function {
  std::shared_ptr<Module> module;
  CUfunction function;
};

// Everything of this process; never destroyed, because programs call while they exit.
struct All {
  std::mutex lock;
  std::optional<std::string> name;  // of the virtual GPU that the process uses
  Handles<Connection, vgpuHandle> connections;
  Handles<Memory, vgpuMemory> memory;
  Handles<Module, vgpuModule> modules;
  Handles<Function, vgpuFunction> functions;
};
All& all() {
  static auto* made = new All;
  return *made;
}

std::string& last_error() {
  thread_local std::string text = "no call of this thread has failed";
  return text;
}

int fail(vgpuResult result, std::string why) {
  last_error() = std::move(why);
  return result;
}

vgpuResult result_of(CUresult result) {
  switch (result) {
    case CUDA_SUCCESS: return VGPU_SUCCESS;
    case CUDA_ERROR_INVALID_VALUE: return VGPU_ERROR_INVALID_VALUE;
    case CUDA_ERROR_INVALID_HANDLE: return VGPU_ERROR_INVALID_HANDLE;
    case CUDA_ERROR_OUT_OF_MEMORY: return VGPU_ERROR_OUT_OF_MEMORY;
    case CUDA_ERROR_NOT_FOUND: return VGPU_ERROR_NOT_FOUND;
    case CUDA_ERROR_INVALID_IMAGE:
    case CUDA_ERROR_INVALID_PTX:
    case CUDA_ERROR_NO_BINARY_FOR_GPU: return VGPU_ERROR_INVALID_IMAGE;
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_ASSERT: return VGPU_ERROR_LAUNCH;
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
    case CUDA_ERROR_NO_DEVICE:
    case CUDA_ERROR_NOT_INITIALIZED: return VGPU_ERROR_CONNECTION;
    default: return VGPU_ERROR_UNKNOWN;
  }
}

// `what` completes "cannot ...".
int answer(CUresult result, const std::string& what) {
  if (result == CUDA_SUCCESS) return VGPU_SUCCESS;
  const char *name = "an unknown error", *text = "";
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  return fail(result_of(result), "cannot " + what + ": " + text + " (" + name + ")");
}

// The connection, made current on this thread. nullptr: the error is set.
std::shared_ptr<Connection> enter(vgpuHandle handle) {
  std::shared_ptr<Connection> connection;
  {
    std::lock_guard hold(all().lock);
    connection = all().connections.find(handle);
  }
  if (!connection) {
    fail(VGPU_ERROR_INVALID_HANDLE,
         "this handle is no open connection: it was closed, or vgpu_connect() never gave it");
    return nullptr;
  }
  if (answer(cuCtxSetCurrent(connection->context), "use the connection")) return nullptr;
  return connection;
}

template <class Table, class Handle>
auto find(Table& table, Handle handle, const Connection* owner, const char* what) {
  std::lock_guard hold(all().lock);
  auto found = table.find(handle);
  if (found && found->owner != owner) found = nullptr;
  if (!found)
    fail(VGPU_ERROR_INVALID_HANDLE, std::string("this ") + what + " was given back, or was never this connection's");
  return found;
}

// Chooses the target of this process. The error is one sentence.
base::Status choose(const std::string& name) {
  if (all().name && *all().name != name)
    return base::Error{"this process uses the virtual GPU '" + *all().name + "', and a process uses one"};
  if (all().name) return base::Done{};
  const bool joined = client::find_joined(name).has_value();
  const std::string target = joined ? name : client::target_from_environment();
  client::choose_target(target, joined ? "" : name);
  auto greeted = client::greet(target, "vgpu", connect_ms, {}, wire::ask_only);
  if (!greeted) {
    client::forget_target();
    return base::Error{"cannot connect to the virtual GPU '" + name + "': " + greeted.error()};
  }
  all().name = name;
  return base::Done{};
}

}  // namespace
}  // namespace vgpu

using namespace vgpu;

const char* vgpu_last_error(void) { return last_error().c_str(); }

vgpuHandle vgpu_connect(const char* name) {
  if (!name || !*name) return fail(VGPU_ERROR_INVALID_VALUE, "a virtual GPU has a name"), nullptr;
  {
    std::lock_guard hold(all().lock);
    base::Status chosen = choose(name);
    if (!chosen) return fail(VGPU_ERROR_CONNECTION, chosen.error()), nullptr;
  }
  auto connection = std::make_shared<Connection>();
  if (answer(cuInit(0), "connect")) return nullptr;
  if (answer(cuCtxCreate_v2(&connection->context, 0, 0), "make a context")) return nullptr;
  std::lock_guard hold(all().lock);
  return all().connections.add(std::move(connection));
}

int vgpu_disconnect(vgpuHandle handle) {
  std::shared_ptr<Connection> connection = enter(handle);
  if (!connection) return VGPU_ERROR_INVALID_HANDLE;
  {
    std::lock_guard hold(all().lock);
    auto owned = [&](const auto& object) { return object.owner == connection.get(); };
    all().functions.remove_if([&](const Function& function) { return owned(*function.module); });
    all().modules.remove_if(owned);
    all().memory.remove_if(owned);
    if (!all().connections.remove(handle))
      return fail(VGPU_ERROR_INVALID_HANDLE, "another thread closed this connection");
  }
  return answer(cuCtxDestroy_v2(connection->context), "close the connection");
}

vgpuMemory vgpu_allocate_memory(vgpuHandle handle, size_t size) {
  std::shared_ptr<Connection> connection = enter(handle);
  if (!connection) return nullptr;
  CUdeviceptr address = 0;
  if (size == 0) return fail(VGPU_ERROR_INVALID_VALUE, "memory of 0 bytes cannot be allocated"), nullptr;
  if (answer(cuMemAlloc_v2(&address, size), "allocate " + std::to_string(size) + " bytes")) return nullptr;
  std::lock_guard hold(all().lock);
  return all().memory.add(std::make_shared<Memory>(Memory{connection.get(), address, size}));
}

int vgpu_free_memory(vgpuHandle handle, vgpuMemory memory) {
  std::shared_ptr<Connection> connection = enter(handle);
  if (!connection || !find(all().memory, memory, connection.get(), "memory")) return VGPU_ERROR_INVALID_HANDLE;
  std::shared_ptr<Memory> gone;
  {
    std::lock_guard hold(all().lock);
    gone = all().memory.remove(memory);
  }
  if (!gone) return fail(VGPU_ERROR_INVALID_HANDLE, "another thread freed this memory");
  return answer(cuMemFree_v2(gone->address), "free memory");
}

uint64_t vgpu_memory_address(vgpuHandle handle, vgpuMemory memory) {
  std::shared_ptr<Connection> connection = enter(handle);
  auto found = connection ? find(all().memory, memory, connection.get(), "memory") : nullptr;
  return found ? found->address : 0;
}

int vgpu_memory_info(vgpuHandle handle, size_t* free, size_t* total) {
  if (!enter(handle)) return VGPU_ERROR_INVALID_HANDLE;
  size_t left = 0, most = 0;
  if (int failed = answer(cuMemGetInfo_v2(&left, &most), "ask for the memory")) return failed;
  if (free) *free = left;
  if (total) *total = most;
  return VGPU_SUCCESS;
}

namespace {

// The memory, if the range lies in it.
std::shared_ptr<Memory> range(vgpuHandle handle, vgpuMemory memory, size_t offset, const void* host, size_t size,
                              int& failed) {
  failed = VGPU_ERROR_INVALID_HANDLE;
  std::shared_ptr<Connection> connection = enter(handle);
  auto found = connection ? find(all().memory, memory, connection.get(), "memory") : nullptr;
  if (!found) return nullptr;
  failed = VGPU_SUCCESS;
  if (offset > found->size || size > found->size - offset)
    failed = fail(VGPU_ERROR_INVALID_VALUE, std::to_string(size) + " bytes from " + std::to_string(offset) +
                                                " do not lie in a memory of " + std::to_string(found->size));
  else if (!host && size)
    failed = fail(VGPU_ERROR_INVALID_VALUE, "the program's side of a copy is NULL");
  return failed ? nullptr : found;
}

}  // namespace

int vgpu_copy_in(vgpuHandle handle, vgpuMemory memory, size_t offset, const void* from, size_t size) {
  int failed;
  auto found = range(handle, memory, offset, from, size, failed);
  if (!found || size == 0) return failed;
  return answer(cuMemcpyHtoD_v2(found->address + offset, from, size), "copy to the device");
}

int vgpu_copy_out(vgpuHandle handle, void* to, vgpuMemory memory, size_t offset, size_t size) {
  int failed;
  auto found = range(handle, memory, offset, to, size, failed);
  if (!found || size == 0) return failed;
  return answer(cuMemcpyDtoH_v2(to, found->address + offset, size), "copy from the device");
}

vgpuModule vgpu_load_module(vgpuHandle handle, const void* image, size_t size) {
  std::shared_ptr<Connection> connection = enter(handle);
  if (!connection) return nullptr;
  if (!image || size < 4) return fail(VGPU_ERROR_INVALID_VALUE, "a module has an image"), nullptr;
  const std::string copy(static_cast<const char*>(image), size);  // PTX must end with a NUL
  CUmodule module = nullptr;
  if (answer(cuModuleLoadData(&module, copy.c_str()), "load the module")) return nullptr;
  std::lock_guard hold(all().lock);
  return all().modules.add(std::make_shared<Module>(Module{connection.get(), module}));
}

int vgpu_unload_module(vgpuHandle handle, vgpuModule module) {
  std::shared_ptr<Connection> connection = enter(handle);
  auto found = connection ? find(all().modules, module, connection.get(), "module") : nullptr;
  if (!found) return VGPU_ERROR_INVALID_HANDLE;
  {
    std::lock_guard hold(all().lock);
    all().functions.remove_if([&](const Function& function) { return function.module == found; });
    if (!all().modules.remove(module)) return fail(VGPU_ERROR_INVALID_HANDLE, "another thread unloaded this module");
  }
  return answer(cuModuleUnload(found->module), "unload the module");
}

vgpuFunction vgpu_get_function(vgpuHandle handle, vgpuModule module, const char* name) {
  std::shared_ptr<Connection> connection = enter(handle);
  auto found = connection ? find(all().modules, module, connection.get(), "module") : nullptr;
  if (!found) return nullptr;
  if (!name) return fail(VGPU_ERROR_INVALID_VALUE, "a kernel has a name"), nullptr;
  CUfunction function = nullptr;
  if (answer(cuModuleGetFunction(&function, found->module, name), std::string("find the kernel '") + name + "'"))
    return nullptr;
  std::lock_guard hold(all().lock);
  return all().functions.add(std::make_shared<Function>(Function{found, function}));
}

int vgpu_launch(vgpuHandle handle, vgpuFunction function, vgpuShape shape, void** parameters) {
  std::shared_ptr<Connection> connection = enter(handle);
  if (!connection) return VGPU_ERROR_INVALID_HANDLE;
  std::shared_ptr<Function> found;
  {
    std::lock_guard hold(all().lock);
    found = all().functions.find(function);
  }
  if (!found || found->module->owner != connection.get())
    return fail(VGPU_ERROR_INVALID_HANDLE, "this function's module was unloaded, or it was never this connection's");
  return answer(cuLaunchKernel(found->function, shape.grid[0], shape.grid[1], shape.grid[2], shape.block[0],
                               shape.block[1], shape.block[2], shape.shared_bytes, nullptr, parameters, nullptr),
                "launch the kernel");
}

int vgpu_synchronize(vgpuHandle handle) {
  if (!enter(handle)) return VGPU_ERROR_INVALID_HANDLE;
  return answer(cuCtxSynchronize(), "wait for the kernels");
}

int vgpu_device_name(vgpuHandle handle, char* name, size_t size) {
  if (!enter(handle)) return VGPU_ERROR_INVALID_HANDLE;
  if (!name || size == 0) return fail(VGPU_ERROR_INVALID_VALUE, "there is no room for the name");
  return answer(cuDeviceGetName(name, static_cast<int>(std::min(size, size_t{256})), 0), "ask for the name");
}
