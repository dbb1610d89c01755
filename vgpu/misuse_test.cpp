// What goes wrong is an error with a sentence, never a crash: handles that are gone, invented or somebody else's,
// ranges that do not fit, quotas, code that is none.
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "vgpu_api.h"

static int failures = 0;

static void expect(bool good, const char* what) {
  if (!good) std::printf("FAILED: %s; the last error: %s\n", what, vgpu_last_error()), ++failures;
}
static void expect_error(int result, int wanted, const char* part, const char* what) {
  expect(result == wanted && std::strstr(vgpu_last_error(), part), what);
}

int main() {
  char byte = 0;
  expect(!vgpu_connect(nullptr), "no name");
  expect(!vgpu_connect("there_is_none") && std::strstr(vgpu_last_error(), "no virtual GPU of that name"),
         "an unknown name");
  vgpuHandle handle = vgpu_connect("my_vgpu_instance");
  if (!handle) return std::printf("FAILED: %s\n", vgpu_last_error()), 1;
  expect(!vgpu_connect("another") && std::strstr(vgpu_last_error(), "a process uses one"), "a second virtual GPU");
  size_t left = 0, total = 0;
  expect(vgpu_memory_info(handle, &left, &total) == VGPU_SUCCESS && total == size_t{256} << 20,
         "the quota is the size");
  expect(!vgpu_allocate_memory(handle, 0), "0 bytes");
  expect(!vgpu_allocate_memory(handle, (size_t{256} << 20) + 1), "more than the quota");
  vgpuMemory most = vgpu_allocate_memory(handle, size_t{200} << 20);
  expect(most != nullptr, "most of the quota");
  expect(!vgpu_allocate_memory(handle, size_t{100} << 20) && std::strstr(vgpu_last_error(), "OUT_OF_MEMORY"),
         "too much in all");
  expect(vgpu_free_memory(handle, most) == VGPU_SUCCESS, "free");

  vgpuMemory memory = vgpu_allocate_memory(handle, 4096);
  expect_error(vgpu_copy_in(handle, memory, 4096, &byte, 1), VGPU_ERROR_INVALID_VALUE, "do not lie", "beyond the end");
  expect_error(vgpu_copy_in(handle, memory, SIZE_MAX, &byte, 2), VGPU_ERROR_INVALID_VALUE, "do not lie", "an overflow");
  expect_error(vgpu_copy_out(handle, nullptr, memory, 0, 1), VGPU_ERROR_INVALID_VALUE, "NULL", "nowhere");
  expect(vgpu_copy_in(handle, memory, 4096, nullptr, 0) == VGPU_SUCCESS, "nothing at the end");
  vgpuHandle second = vgpu_connect("my_vgpu_instance");
  expect(second && second != handle, "a second handle");
  expect_error(vgpu_free_memory(second, memory), VGPU_ERROR_INVALID_HANDLE, "never this connection's",
               "another's memory");
  expect(vgpu_free_memory(handle, memory) == VGPU_SUCCESS, "free");
  expect_error(vgpu_free_memory(handle, memory), VGPU_ERROR_INVALID_HANDLE, "given back", "freed twice");
  expect_error(vgpu_copy_in(handle, memory, 0, &byte, 1), VGPU_ERROR_INVALID_HANDLE, "given back", "used after free");
  expect(vgpu_memory_address(handle, memory) == 0, "the address of freed memory");
  vgpuMemory next = vgpu_allocate_memory(handle, 4096);
  expect(next != memory, "a new handle in the old one's place");
  expect_error(vgpu_copy_in(handle, memory, 0, &byte, 1), VGPU_ERROR_INVALID_HANDLE, "given back",
               "the old handle still");
  for (uintptr_t wild : {uintptr_t{0}, uintptr_t{1}, uintptr_t{8}, UINTPTR_MAX, reinterpret_cast<uintptr_t>(&byte)}) {
    expect(vgpu_copy_in(handle, reinterpret_cast<vgpuMemory>(wild), 0, &byte, 1) == VGPU_ERROR_INVALID_HANDLE,
           "wild memory");
    expect(vgpu_synchronize(reinterpret_cast<vgpuHandle>(wild)) == VGPU_ERROR_INVALID_HANDLE, "a wild handle");
    expect(!vgpu_get_function(handle, reinterpret_cast<vgpuModule>(wild), "f"), "a wild module");
    expect(vgpu_launch(handle, reinterpret_cast<vgpuFunction>(wild), {{1, 1, 1}, {1, 1, 1}, 0}, nullptr) != 0,
           "a wild function");
  }
  const std::string text = "this is no code at all";
  expect(!vgpu_load_module(handle, text.data(), text.size()) && std::strstr(vgpu_last_error(), "cannot load"),
         "no code");
  const char empty[] = ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry k()\n{\nret;\n}\n";
  vgpuModule module = vgpu_load_module(handle, empty, sizeof empty - 1);
  expect(module != nullptr, "a module");
  expect(!vgpu_get_function(handle, module, "missing") && std::strstr(vgpu_last_error(), "'missing'"),
         "no such kernel");
  vgpuFunction kernel = vgpu_get_function(handle, module, "k");
  expect(vgpu_launch(handle, kernel, {{0, 1, 1}, {1, 1, 1}, 0}, nullptr) != VGPU_SUCCESS, "no blocks");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        vgpuMemory mine = vgpu_allocate_memory(handle, 1024);
        expect(mine && vgpu_launch(handle, kernel, {{1, 1, 1}, {1, 1, 1}, 0}, nullptr) == VGPU_SUCCESS,
               "from a thread");
        expect(vgpu_free_memory(handle, mine) == VGPU_SUCCESS, "free in a thread");
      }
    });
  for (std::thread& thread : threads) thread.join();
  expect(vgpu_unload_module(handle, module) == VGPU_SUCCESS, "unload");
  expect_error(vgpu_launch(handle, kernel, {{1, 1, 1}, {1, 1, 1}, 0}, nullptr), VGPU_ERROR_INVALID_HANDLE, "unloaded",
               "a kernel of an unloaded module");
  expect(vgpu_disconnect(handle) == VGPU_SUCCESS, "disconnect");
  expect_error(vgpu_disconnect(handle), VGPU_ERROR_INVALID_HANDLE, "closed", "closed twice");
  expect(!vgpu_allocate_memory(handle, 1), "a closed handle");
  expect_error(vgpu_copy_in(second, next, 0, &byte, 1), VGPU_ERROR_INVALID_HANDLE, "given back",
               "memory of a closed handle");
  expect(vgpu_allocate_memory(second, 1) != nullptr && vgpu_disconnect(second) == VGPU_SUCCESS,
         "the other handle lives");
  std::printf(failures ? "%d failed\n" : "every misuse is an error\n", failures);
  return failures != 0;
}
