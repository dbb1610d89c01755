// remote::name for every row that travels: what client/cuda calls when it wants the device to do something.
#include "client/session.h"

namespace remote {

using namespace api::role;

#define SEND(name, params, waits, ...)                                                      \
  CUresult name params {                                                                    \
    static constexpr client::Row travelling = client::make_row(#name, waits);               \
    return client::forward(travelling, api::row(&remote::name __VA_OPT__(, ) __VA_ARGS__)); \
  }
#define CALL(since, name, params, ...) SEND(name, params, true __VA_OPT__(, ) __VA_ARGS__)
#define POST(since, name, params, ...) SEND(name, params, false __VA_OPT__(, ) __VA_ARGS__)
#define HAND_CALL(since, name, params, ...) SEND(name, params, true __VA_OPT__(, ) __VA_ARGS__)
#define HAND_POST(since, name, params, ...) SEND(name, params, false __VA_OPT__(, ) __VA_ARGS__)
#include "api/cuda/cuda.def"
#define CALL(since, name, params, ...) SEND(name, params, true __VA_OPT__(, ) __VA_ARGS__)
#define POST(since, name, params, ...) SEND(name, params, false __VA_OPT__(, ) __VA_ARGS__)
#include "api/cuda/internal.def"

}  // namespace remote
