// cuGetProcAddress, answered from the table: each row's name is a base name and perhaps a version suffix.
#include "client/cuda/symbols.h"

#include <algorithm>
#include <array>

#include "client/cuda/functions.h"

namespace client {
namespace {

struct Variant {
  std::string_view base;
  int since;
  bool per_thread;
  void* address;
};

// "cuMemAlloc_v2" -> "cuMemAlloc"
constexpr std::string_view base_of(std::string_view name) {
  size_t n = name.size();
  bool versioned = n > 3 && name[n - 3] == '_' && name[n - 2] == 'v' && name[n - 1] >= '2' && name[n - 1] <= '9';
  return versioned ? name.substr(0, n - 3) : name;
}

// clang-format off
const Variant plain[] = {
#define ROW(since, name, params) {base_of(#name), since, false, reinterpret_cast<void*>(&name)},
#include "api/cuda/cuda.def"
};
// clang-format on

// A per-thread variant is as old as its plain form, but no older than CUDA 7.0, which brought them.
int since_of(void* plain_function) {
  for (const Variant& variant : plain)
    if (variant.address == plain_function) return std::max(7000, variant.since);
  return 7000;
}

struct PerThread {
  std::string_view base;
  void* plain_function;
  void* address;
};
// clang-format off
const PerThread per_thread_forms[] = {
#define PER_THREAD(name, suffix, params, arguments) \
  {base_of(#name), reinterpret_cast<void*>(&name), reinterpret_cast<void*>(&name##suffix)},
#include "api/cuda/per_thread.def"
};
// clang-format on

constexpr size_t count = std::size(plain) + std::size(per_thread_forms);

// All variants, sorted by base name, then by kind and version.
const std::array<Variant, count>& variants() {
  static const std::array<Variant, count> sorted = [] {
    std::array<Variant, count> all{};
    auto end = std::copy(std::begin(plain), std::end(plain), all.begin());
    for (const PerThread& form : per_thread_forms)
      *end++ = {form.base, since_of(form.plain_function), true, form.address};
    std::sort(all.begin(), all.end(), [](const Variant& a, const Variant& b) {
      if (a.base != b.base) return a.base < b.base;
      return a.per_thread != b.per_thread ? b.per_thread : a.since < b.since;
    });
    return all;
  }();
  return sorted;
}

}  // namespace

Symbol find_symbol(std::string_view base, int version, bool per_thread) {
  const auto& all = variants();
  auto first = std::lower_bound(all.begin(), all.end(), base,
                                [](const Variant& v, std::string_view name) { return v.base < name; });
  Symbol plain_answer, thread_answer;
  for (; first != all.end() && first->base == base; ++first) {
    if (first->since == 0) continue;
    Symbol& answer = first->per_thread ? thread_answer : plain_answer;
    if (first->since <= version)
      answer = {first->address, Found::yes};
    else if (answer.found == Found::unknown_name)
      answer.found = Found::version_too_old;
  }
  return per_thread && thread_answer.found != Found::unknown_name ? thread_answer : plain_answer;
}

}  // namespace client

namespace {

enum : uint64_t { legacy_stream = 1, per_thread_stream = 2, largest_flags = 3 };

}  // namespace

// Behaviour of the real driver, 535 and 550: a miss is no error; only bad flags are.
OUTBOARD_EXPORT CUresult cuGetProcAddress_v2(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags,
                                             CUdriverProcAddressQueryResult* symbolStatus) {
  if (flags > largest_flags || !symbol || !pfn) return CUDA_ERROR_INVALID_VALUE;
  client::Symbol found = client::find_symbol(symbol, cudaVersion, flags & per_thread_stream);
  if (found.found == client::Found::yes || symbolStatus) *pfn = found.address;
  if (!symbolStatus) return CUDA_SUCCESS;
  *symbolStatus = found.found == client::Found::yes            ? CU_GET_PROC_ADDRESS_SUCCESS
                  : found.found == client::Found::unknown_name ? CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
                                                               : CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuGetProcAddress(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags) {
  if (flags > largest_flags || !symbol || !pfn) return CUDA_ERROR_INVALID_VALUE;
  client::Symbol found = client::find_symbol(symbol, cudaVersion, flags & per_thread_stream);
  if (found.found != client::Found::yes) return CUDA_ERROR_NOT_FOUND;
  *pfn = found.address;
  return CUDA_SUCCESS;
}
