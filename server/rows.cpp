// Every CALL, POST and HAND row becomes a decoder in front of the device's function of that name.
#include "server/rows.h"

#include <algorithm>
#include <array>

#include "api/opcode.h"

namespace server {
namespace {

using namespace api::role;

#define SERVE(name, params, ...)                                                                  \
  void serve_##name(const device::Driver& driver, Call& call) {                                   \
    with_parameters(driver.name, [&] params {                                                     \
      serve(call, driver.name, [&] { return api::row(driver.name __VA_OPT__(, ) __VA_ARGS__); }); \
    });                                                                                           \
  }
#define CALL(since, name, params, ...) SERVE(name, params __VA_OPT__(, ) __VA_ARGS__)
#define POST(since, name, params, ...) SERVE(name, params __VA_OPT__(, ) __VA_ARGS__)
#define HAND_CALL(since, name, params, ...) SERVE(name, params __VA_OPT__(, ) __VA_ARGS__)
#define HAND_POST(since, name, params, ...) SERVE(name, params __VA_OPT__(, ) __VA_ARGS__)
#include "api/cuda/cuda.def"

#define CALL(since, name, params, ...) {api::opcode(#name), #name, true, serve_##name},
#define POST(since, name, params, ...) {api::opcode(#name), #name, false, serve_##name},
#define HAND_CALL(since, name, params, ...) {api::opcode(#name), #name, true, serve_##name},
#define HAND_POST(since, name, params, ...) {api::opcode(#name), #name, false, serve_##name},
constexpr Function table[] = {
#include "api/cuda/cuda.def"
};

constexpr auto functions = [] {
  auto sorted = std::to_array(table);
  std::ranges::sort(sorted, {}, &Function::opcode);
  return sorted;
}();
static_assert(std::ranges::adjacent_find(functions, {}, &Function::opcode) == functions.end(), "two names, one opcode");

}  // namespace

const Function* find_function(uint32_t opcode) {
  auto found = std::ranges::lower_bound(functions, opcode, {}, &Function::opcode);
  return found != functions.end() && found->opcode == opcode ? &*found : nullptr;
}

}  // namespace server
