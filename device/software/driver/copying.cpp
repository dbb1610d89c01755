// One engine for all copies. A copy whose turn it already is runs on the caller's thread; one that has to wait
// takes pageable source bytes along, because the program may change them as soon as the call returns (CUDA Driver
// API, "API synchronization behavior").
#include "device/software/driver/copying.h"

#include <vector>

#include "device/software/driver/checking.h"
#include "device/software/run/faults.h"

namespace software {
namespace {

constexpr uint64_t worth_a_thread = 1 << 20;  // bytes: smaller asynchronous copies run at once when they can

bool move(const Rows& rows) {
  note_copy(rows);
  bool flat = rows.height * rows.depth == 1 ||
              (rows.to_pitch == rows.width && rows.from_pitch == rows.width && rows.depth == 1) ||
              (rows.to_pitch == rows.width && rows.from_pitch == rows.width &&
               rows.to_slice == rows.width * rows.height && rows.from_slice == rows.width * rows.height);
  if (flat) return guarded_copy(rows.to, rows.from, rows.bytes());
  for (uint64_t z = 0; z < rows.depth; ++z)
    for (uint64_t y = 0; y < rows.height; ++y)
      if (!guarded_copy(rows.to + z * rows.to_slice + y * rows.to_pitch,
                        rows.from + z * rows.from_slice + y * rows.from_pitch, rows.width))
        return false;
  return true;
}

// The same copy from packed bytes of its own.
bool stage(const Rows& rows, std::vector<uint8_t>& bytes, Rows& staged) {
  bytes.resize(rows.bytes());
  Rows in = rows;
  in.to = bytes.data();
  in.to_pitch = rows.width;
  in.to_slice = rows.width * rows.height;
  staged = rows;
  staged.from = bytes.data();
  staged.from_pitch = in.to_pitch;
  staged.from_slice = in.to_slice;
  return move(in);
}

}  // namespace

CUresult copy_rows(const std::shared_ptr<Context>& context, const std::shared_ptr<Stream>& stream, const Rows& rows,
                   Wait wait) {
  if (rows.bytes() == 0) {
    if (wait == Wait::copied) context->wait_turn(stream);
    return context->error();
  }
  bool now = wait == Wait::copied;
  if (now) {
    context->wait_turn(stream);
    context->flush();
    if (CUresult bad = context->error()) return bad;
  } else {
    now = (rows.from_host || rows.bytes() < worth_a_thread) && context->idle(stream);
  }
  if (now) return move(rows) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;

  auto queue = [&](const Rows& what, std::shared_ptr<std::vector<uint8_t>> bytes) {
    const size_t holds = bytes ? bytes->size() : 0;
    auto copy = [context, what, bytes = std::move(bytes)] {
      if (context->error() == CUDA_SUCCESS && !move(what)) context->fail(CUDA_ERROR_ILLEGAL_ADDRESS);
    };
    context->submit(stream, std::move(copy), {}, Runner::streams_own, holds);
  };
  if (!rows.from_host || stream->recording()) {  // a graph reads its sources at every launch
    queue(rows, nullptr);
    return CUDA_SUCCESS;
  }
  auto bytes = std::make_shared<std::vector<uint8_t>>();
  Rows staged;
  if (!stage(rows, *bytes, staged)) return CUDA_ERROR_INVALID_VALUE;
  queue(staged, std::move(bytes));
  return CUDA_SUCCESS;
}

}  // namespace software
