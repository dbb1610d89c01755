// internal.def's rows: decoders in front of the worker's own functions (server/cuda).
#include <algorithm>
#include <array>

#include "api/opcode.h"
#include "server/cuda/worker.h"
#include "server/rows.h"

namespace server {
namespace {

using namespace api::role;

#define SERVE(name, params, ...)                                                                      \
  void serve_##name(const device::Driver&, Call& call) {                                              \
    with_parameters(&worker::name, [&] params {                                                       \
      serve(call, &worker::name, [&] { return api::row(&worker::name __VA_OPT__(, ) __VA_ARGS__); }); \
    });                                                                                               \
  }
#define CALL(since, name, params, ...) SERVE(name, params __VA_OPT__(, ) __VA_ARGS__)
#define POST(since, name, params, ...) SERVE(name, params __VA_OPT__(, ) __VA_ARGS__)
#include "api/cuda/internal.def"

#define CALL(since, name, params, ...) {api::opcode(#name), #name, true, serve_##name},
#define POST(since, name, params, ...) {api::opcode(#name), #name, false, serve_##name},
constexpr Function table[] = {
#include "api/cuda/internal.def"
};

}  // namespace

const Function* find_internal_function(uint32_t opcode) {
  auto found = std::ranges::find(table, opcode, &Function::opcode);
  return found != std::end(table) ? found : nullptr;
}

}  // namespace server
