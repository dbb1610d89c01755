// cuGetExportTable: the undocumented tables that NVIDIA's runtimes and libraries ask for. Only the slots
// that were seen in use do something; every other slot says its number in the log and refuses.
#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <utility>

#include "base/log.h"
#include "client/cuda/context_storage.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/integrity.h"
#include "client/management.h"

namespace {

using client::Context;
using Slot = const void*;

enum class Id {
  cudart_interface,
  callback_hooks,
  tools_tls,
  integrity,
  context_checks,
  tools_context,
  tools_module,
  library_1734
};

constexpr const char* names[] = {"cudart-interface", "callback-hooks", "tools-tls",    "integrity",
                                 "context-checks",   "tools-context",  "tools-module", "library-1734dc26"};

template <Id id, size_t slot>
CUresult unknown_slot() {
  base::log(base::Level::warn, "unsupported-table-slot",
            {{"table", names[static_cast<int>(id)]}, {"slot", std::to_string(slot)}});
  return CUDA_ERROR_NOT_SUPPORTED;
}

template <class Function>
Slot slot_of(Function* function) {
  return reinterpret_cast<Slot>(function);
}

// A table of `n` slots: slot 0 holds its size in bytes, the named slots the given functions.
template <Id id, size_t n, class... Named>
std::array<Slot, n> make_table(Named... named) {
  std::array<Slot, n> table = []<size_t... i>(std::index_sequence<i...>) {
    return std::array<Slot, n>{slot_of(&unknown_slot<id, i>)...};
  }
  (std::make_index_sequence<n>{});
  table[0] = reinterpret_cast<Slot>(n * sizeof(Slot));
  ((table[named.first] = named.second), ...);
  return table;
}

template <class Function>
std::pair<size_t, Slot> at(size_t slot, Function* function) {
  return {slot, slot_of(function)};
}

// --- CUDART_INTERFACE ---

CUresult load_wrapper(CUmodule* module, const void* wrapper) { return cuModuleLoadData(module, wrapper); }

// The primary context's handle, without retaining it; asked once per device before any retain.
CUresult primary_handle(CUcontext* context, CUdevice device) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Context* primary = client::primary_context(device);
  if (!primary) return CUDA_ERROR_INVALID_DEVICE;
  *context = client::handle_of(primary);
  return CUDA_SUCCESS;
}

CUresult load_wrapper_with_options(CUmodule* module, const void* wrapper, void*, void*, unsigned) {
  return cuModuleLoadData(module, wrapper);
}
void forget_wrapper(const void*) {}
CUresult load_fatbin(const void* fatbin, CUmodule* module, void*, void*, unsigned) {
  return cuModuleLoadData(module, fatbin);
}
CUresult load_compilers() { return CUDA_SUCCESS; }

std::atomic<bool> runtime_present{false};

// --- TOOLS_RUNTIME_CALLBACK_HOOKS: flags that stay zero, or cudart would call the profiler's slots ---

uint32_t callback_flags[4096];
uint32_t domain_flags[64];

void callback_enable_flags(uint32_t** flags, size_t* count) {
  *flags = callback_flags;
  *count = std::size(callback_flags);
}
void domain_enable_flags(uint32_t** flags, size_t* count) {
  *flags = domain_flags;
  *count = std::size(domain_flags);
}

// --- the smaller ones ---

CUresult current_handle(CUcontext* context) {
  *context = client::handle_of(client::current());
  return CUDA_SUCCESS;
}

CUresult check_context(CUcontext, uint32_t* flags, const void**) {
  *flags = 0;
  return CUDA_SUCCESS;
}
uint32_t check_start() { return 0; }

CUresult context_id(CUcontext context, uint64_t* id) {
  unsigned long long number = 0;
  CUresult result = cuCtxGetId(context, &number);
  *id = number;
  return result;
}

// cuBLAS asks for an object of a stream (slot 51) and then for a number of it (slot 39); any answer serves.
CUresult stream_object(CUcontext, CUstream stream, void** object) {
  *object = stream;
  return CUDA_SUCCESS;
}
CUresult stream_object_number(CUcontext, void*, uint64_t* number) {
  *number = 0;
  return CUDA_SUCCESS;
}

// cuFFT gets the one kernel of a module this way, never by name.
uint64_t for_each_kernel(CUcontext, CUmodule module, void (*visit)(void*, CUfunction, uint64_t), void* user) {
  unsigned count = 0;
  if (cuModuleGetFunctionCount(&count, module) != CUDA_SUCCESS) return 0;
  std::string room(count * sizeof(CUfunction), '\0');
  auto* functions = reinterpret_cast<CUfunction*>(room.data());
  if (cuModuleEnumerateFunctions(functions, count, module) != CUDA_SUCCESS) return 0;
  for (unsigned i = 0; i < count; ++i) visit(user, functions[i], 0);
  return count;
}

CUresult refuse_quietly() { return CUDA_ERROR_NOT_SUPPORTED; }

CUresult integrity_check(uint32_t version, uint64_t unix_seconds, uint8_t result[16]);

// Leaked, as everything that runs at exit may still ask.
struct Tables {
  std::array<Slot, 16> cudart_interface =
      make_table<Id::cudart_interface, 16>(at(1, load_wrapper), at(2, primary_handle), at(6, load_wrapper_with_options),
                                           at(7, forget_wrapper), at(8, load_fatbin), at(12, load_compilers));
  std::array<Slot, 7> callback_hooks =
      make_table<Id::callback_hooks, 7>(at(2, callback_enable_flags), at(6, domain_enable_flags));
  std::array<Slot, 4> tools_tls = make_table<Id::tools_tls, 4>(at(2, current_handle));
  std::array<Slot, 4> context_storage = {slot_of(client::put_storage), slot_of(client::remove_storage),
                                         slot_of(client::get_storage), nullptr};
  std::array<Slot, 3> integrity = make_table<Id::integrity, 3>(at(1, integrity_check));
  std::array<Slot, 17> context_checks = make_table<Id::context_checks, 17>(at(2, check_context), at(3, check_start));
  std::array<Slot, 96> tools_context =
      make_table<Id::tools_context, 96>(at(4, context_id), at(39, stream_object_number), at(51, stream_object));
  std::array<Slot, 92> tools_module = make_table<Id::tools_module, 92>(at(7, for_each_kernel));
  std::array<Slot, 16> library_1734 = make_table<Id::library_1734, 16>(at(4, refuse_quietly));
};
const Tables& tables() {
  static const auto* the = new Tables;
  return *the;
}

CUresult integrity_check(uint32_t version, uint64_t unix_seconds, uint8_t result[16]) {
  const Tables& all = tables();
  return client::answer_integrity_check({all.cudart_interface.data(), all.integrity.data(), all.integrity[1]}, version,
                                        unix_seconds, result);
}

// UUIDs in the byte order of CUuuid.bytes.
struct Known {
  unsigned char id[16];
  const Slot* (*table)();
};
constexpr Known known[] = {
    {{0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a, 0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9},
     [] { return runtime_present = true, tables().cudart_interface.data(); }},
    {{0xa0, 0x94, 0x79, 0x8c, 0x2e, 0x74, 0x2e, 0x74, 0x93, 0xf2, 0x08, 0x00, 0x20, 0x0c, 0x0a, 0x66},
     [] { return tables().callback_hooks.data(); }},
    {{0x42, 0xd8, 0x5a, 0x81, 0x23, 0xf6, 0xcb, 0x47, 0x82, 0x98, 0xf6, 0xe7, 0x8a, 0x3a, 0xec, 0xdc},
     [] { return tables().tools_tls.data(); }},
    {{0xc6, 0x93, 0x33, 0x6e, 0x11, 0x21, 0xdf, 0x11, 0xa8, 0xc3, 0x68, 0xf3, 0x55, 0xd8, 0x95, 0x93},
     [] { return tables().context_storage.data(); }},
    {{0xd4, 0x08, 0x20, 0x55, 0xbd, 0xe6, 0x70, 0x4b, 0x8d, 0x34, 0xba, 0x12, 0x3c, 0x66, 0xe1, 0xf2},
     [] { return tables().integrity.data(); }},
    {{0x26, 0x3e, 0x88, 0x60, 0x7c, 0xd2, 0x61, 0x43, 0x92, 0xf6, 0xbb, 0xd5, 0x00, 0x6d, 0xfa, 0x7e},
     [] { return tables().context_checks.data(); }},
    {{0x21, 0x31, 0x8c, 0x60, 0x97, 0x14, 0x32, 0x48, 0x8c, 0xa6, 0x41, 0xff, 0x73, 0x24, 0xc8, 0xf2},
     [] { return tables().tools_context.data(); }},
    {{0x6e, 0x16, 0x3f, 0xbe, 0xb9, 0x58, 0x44, 0x4d, 0x83, 0x5c, 0xe1, 0x82, 0xaf, 0xf1, 0x99, 0x1e},
     [] { return tables().tools_module.data(); }},
    {{0x17, 0x34, 0xdc, 0x26, 0x80, 0x0d, 0x47, 0x45, 0x87, 0x26, 0xc0, 0xf1, 0xe7, 0xdd, 0x8b, 0xca},
     [] { return tables().library_1734.data(); }},
    {{'o', 'u', 't', 'b', 'o', 'a', 'r', 'd', '-', 'n', 'v', 'm', 'l', '-', '0', '1'},
     [] { return reinterpret_cast<const Slot*>(&client::management_table()); }},
};

std::string hex_of(const CUuuid& id) {
  std::string text;
  for (char byte : id.bytes)
    for (int shift : {4, 0}) text += "0123456789abcdef"[byte >> shift & 15];
  return text;
}

}  // namespace

// Works before cuInit. An unknown id gives CUDA_ERROR_INVALID_VALUE and a null table, as on the real driver.
OUTBOARD_EXPORT CUresult cuGetExportTable(const void** ppExportTable, const CUuuid* pExportTableId) {
  if (!ppExportTable || !pExportTableId) return CUDA_ERROR_INVALID_VALUE;
  for (const Known& entry : known) {
    if (std::memcmp(entry.id, pExportTableId->bytes, sizeof entry.id) != 0) continue;
    *ppExportTable = entry.table();
    return CUDA_SUCCESS;
  }
  base::log(base::Level::info, "unknown-export-table", {{"id", hex_of(*pExportTableId)}});
  *ppExportTable = nullptr;
  return CUDA_ERROR_INVALID_VALUE;
}

bool client::runtime_is_present() { return runtime_present; }
