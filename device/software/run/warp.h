// The contract between compiled kernels and the runtime: plain structs that generated code reads by
// field offset, and the functions it may call. Changing this file changes the kernel cache's version.
//
// A compiled kernel is `void kernel(Warp*)`. One call runs all 32 lanes of one warp from the start of
// the kernel to its end. At a barrier the code calls `outboard_barrier`, which may switch fibers.
#pragma once
#include <cstddef>
#include <cstdint>

namespace software {

inline constexpr unsigned warp_size = 32;

// What all warps of one launch share. Filled once per launch, constant while it runs.
struct Launch {
  const uint8_t* parameters;  // kernel parameter bytes, natural C layout
  uint32_t grid[3];           // nctaid
  uint32_t block[3];          // ntid
  uint32_t dynamic_shared;    // bytes asked for at launch
  uint32_t total_shared;      // static + dynamic
  uint32_t local_bytes;       // per lane, from the kernel's compile
  uint32_t warps;             // per block
  uint64_t grid_id;
  void* device;  // the runtime's own: where errors, printf and heap live
  const char* kernel_name;
  uint64_t grid_workspace;  // %envreg1 (upper half) and %envreg2 (lower): cooperative launches only, else 0
};

// One warp of one block. The runtime fills it before the call.
struct Warp {
  const Launch* launch;
  uint8_t* shared;  // this block's shared memory; `total_shared` bytes; native pointer, 128-aligned
  uint8_t* local;   // this warp's local memory: 32 lanes × local_bytes; lane l starts at local + l * local_bytes
  uint32_t block_index[3];    // ctaid
  uint32_t warp_index;        // warpid within the block
  uint32_t first_thread;      // linear thread index of lane 0 = warp_index * 32
  uint32_t thread[3];         // tid of lane 0
  uint32_t lanes;             // mask of the lanes that exist (the last warp of a block may be partial)
  uint32_t worker;            // index of the worker thread: smid
  void* block;                // the runtime's own block state (barriers)
  const uint64_t* addresses;  // of an access that goes lane by lane: all lanes', while it runs
};

using KernelEntry = void (*)(Warp*);

}  // namespace software

// What generated code calls (C names, resolved by the JIT to these addresses). `lanes` are masks.
extern "C" {
// bar.sync / barrier.sync id, count (threads; 0 = all of the block). Returns when every warp has arrived.
void outboard_barrier(software::Warp*, uint32_t id, uint32_t count);
// bar.arrive: counts the warp without waiting.
void outboard_barrier_arrive(software::Warp*, uint32_t id, uint32_t count);
// bar.red: kind 0 popc, 1 and, 2 or, over the lanes whose predicate bit is set; returns the block-wide result.
uint32_t outboard_barrier_reduce(software::Warp*, uint32_t id, uint32_t count, uint32_t kind, uint32_t lanes,
                                 uint32_t predicate);
// A wait inside a spin loop (nanosleep, volatile polls): lets other warps of the block and other blocks run.
void outboard_yield(software::Warp*);
// vprintf for one lane: format and packed arguments (CUDA's vprintf layout: natural alignment, 8-byte doubles).
int32_t outboard_printf(software::Warp*, uint32_t lane, const char* format, const uint8_t* arguments);
// __assertfail for one lane; does not return into the kernel.
[[noreturn]] void outboard_assert(software::Warp*, uint32_t lane, const char* message, const char* file, uint32_t line,
                                  const char* function);
// trap / brkpt; ends the launch with CUDA_ERROR_LAUNCH_FAILED (reason: text for the log).
[[noreturn]] void outboard_trap(software::Warp*, uint32_t lane, const char* reason);
// An access to an address that is no multiple of its size; ends the launch with CUDA_ERROR_MISALIGNED_ADDRESS.
[[noreturn]] void outboard_misaligned(software::Warp*, uint32_t lane, uint64_t address);
// Device heap.
void* outboard_malloc(software::Warp*, uint64_t size);
void outboard_free(software::Warp*, void* pointer);
// Double precision in a directed rounding mode, `count` lanes: operands is [3][count], the result replaces [0].
enum : uint32_t { outboard_towards_zero, outboard_down, outboard_up };
enum : uint32_t {
  outboard_sum,
  outboard_difference,
  outboard_product,
  outboard_quotient,
  outboard_root,
  outboard_fused,
  outboard_signed_to_float,
  outboard_unsigned_to_float,
  outboard_signed_to_double,
  outboard_unsigned_to_double,
};
void outboard_round(uint32_t what, uint32_t mode, uint32_t count, uint64_t* operands);
uint64_t outboard_clock();        // clock64
uint64_t outboard_globaltimer();  // nanoseconds
}
