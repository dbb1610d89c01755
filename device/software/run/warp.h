// The contract between compiled kernels and the runtime: plain structs that generated code reads by
// field offset, and the functions it may call. Changing this file changes the kernel cache's version.
//
// A compiled kernel is `void kernel(Warp*)`. One call runs all 32 lanes of one warp from the start of
// the kernel to its end. At a barrier the code calls `outboard_barrier`, which may switch fibers. Or the kernel runs in
// stages: then a call is for all warps of a block, which lie side by side; it runs them from barrier to barrier, up to
// one where the runtime has to see to something, or to the kernel's end; the next call goes on behind the barrier.
#pragma once
#include <cstddef>
#include <cstdint>

namespace software {

struct TensorCopy;   // run/tensor_copy.h
struct KernelStep;   // run/steps.h
struct KernelSteps;  // run/steps.h

inline constexpr unsigned warp_size = 32;
inline constexpr unsigned shared_alignment = 128;  // of a block's shared memory, at least

// A kernel's stages are named by a number and the barrier before them: which of 16, and whether it reduces.
inline constexpr unsigned stage_shift = 5;
constexpr uint32_t stage_number(uint32_t count, uint32_t barrier, bool reduces) {
  return count << stage_shift | uint32_t{reduces} << 4 | barrier % 16;
}
constexpr uint32_t barrier_of(uint32_t stage) { return stage % 16; }
constexpr bool reduces(uint32_t stage) { return stage >> 4 & 1; }
inline constexpr uint32_t no_stage = ~uint32_t{0};

// How a kernel's warps run (pass/stages.h).
enum class Staging : uint32_t {
  none,     // each with a stack of its own
  one,      // in one stage: one call runs all warps of a block to their end, or a single warp as well
  several,  // one call runs all warps of a block on, from barriers to barriers
};

// What a warp keeps from stage to stage begins with this.
struct KeptHead {
  uint32_t lanes;         // that go on
  uint32_t ahead;         // how many barriers the warp is ahead of the others
  uint32_t held, missed;  // at a barrier that reduces: of its lanes, whose predicate held or not; behind it, of all
};
inline constexpr uint32_t kept_head_bytes = 64;
inline constexpr unsigned kept_alignment = 64;

// What all warps of one launch share. Filled once per launch, constant while it runs.
struct Launch {
  const uint8_t* parameters;     // kernel parameter bytes, natural C layout
  uint32_t parameter_bytes = 0;  // how many
  uint32_t grid[3];              // nctaid
  uint32_t block[3];             // ntid
  uint32_t dynamic_shared;       // bytes asked for at launch
  uint32_t total_shared;         // static + dynamic
  uint32_t local_bytes;          // per lane, from the kernel's compile
  uint32_t warps;                // per block
  uint64_t grid_id;
  void* device;  // the runtime's own: where errors, printf and heap live
  const char* kernel_name;
  uint64_t grid_workspace;          // %envreg1 (upper half) and %envreg2 (lower): cooperative launches only, else 0
  uint32_t cluster[3] = {1, 1, 1};  // cluster_nctaid
  uint32_t cluster_blocks = 1;      // cluster_nctarank
  uint32_t explicit_cluster = 0;    // the kernel or the launch asked for clusters
  uint32_t processors = 1;          // nsmid
  uint64_t shared_pitch = uint64_t{1} << 31;  // from one block's shared memory to the next one's in a cluster
  KernelSteps* steps = nullptr;               // of a kernel whose machine code is not there yet; it outlives the launch
  uint32_t frame_bytes = 0;                   // that those need in front of each warp's local memory
  Staging staging = Staging::none;
  uint32_t kept_bytes = 0;     // of each warp, from stage to stage
  uint32_t lanes = warp_size;  // that run at a time; fewer than a warp only where there are stages
};

// One warp of one block, or the part of one that one call runs. The runtime fills it before the call.
struct Warp {
  const Launch* launch;
  uint8_t* shared;  // this block's shared memory; `total_shared` bytes; native pointer, 128-aligned
  uint8_t* local;   // this warp's local memory: 32 lanes × local_bytes; lane l starts at local + l * local_bytes
  uint32_t block_index[3];    // ctaid
  uint32_t warp_index;        // warpid within the block
  uint32_t first_thread;      // linear thread index of lane 0
  uint32_t thread[3];         // tid of lane 0
  uint32_t lanes;             // mask of the lanes that exist (the last warp of a block may be partial)
  uint32_t worker;            // index of the worker thread: smid
  void* block;                // the runtime's own block state (barriers)
  uint8_t* cluster_shared;    // shared memory of the cluster's first block; the others' follow, shared_pitch apart
  uint32_t cluster_rank;      // cluster_ctarank
  uint32_t products;          // of its warpgroup that it has computed its part of (wgmma)
  const uint64_t* addresses;  // of an access that goes lane by lane: all lanes', while it runs
  const KernelStep* step;     // that runs; nullptr: machine code does
  uint8_t* kept;              // the kernel's, from stage to stage: `kept_bytes`, aligned to kept_alignment
  uint32_t stage;             // where a kernel in stages goes on: 0 at first, at its end no_stage
  uint32_t more;              // whether the next one is for the same call
  const Warp* running;        // of the first one: whose turn it is
};

using KernelEntry = void (*)(Warp*);

// An access of a warp whose lanes do not lie side by side after all, or not aligned: rare, and done lane by lane.
struct RareAccess {
  uint64_t base[4];            // the first lane's address, by row of lanes
  uint64_t wrap[4];            // the column from which `correction` is added, by row
  int64_t stride, correction;  // from lane to lane of a row
  uint32_t columns, lanes;     // of a row, of the warp
  uint32_t bytes, vector;      // of an element; elements of a lane
  uint8_t* values;             // [vector][lanes]
};

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
// barrier.cluster.arrive and .wait (run/cluster.cpp).
void outboard_cluster_arrive(software::Warp*, uint32_t lanes);
void outboard_cluster_wait(software::Warp*);
// mbarrier objects, by native address (run/mbarrier.cpp). `flags`: as named here.
enum : uint32_t { outboard_drop = 1, outboard_no_complete = 2 };
void outboard_mbarrier_init(software::Warp*, uint64_t barrier, uint32_t count);
uint64_t outboard_mbarrier_arrive(software::Warp*, uint64_t barrier, uint32_t count, uint32_t flags);
void outboard_mbarrier_expect(software::Warp*, uint64_t barrier, uint32_t bytes);
void outboard_mbarrier_complete(software::Warp*, uint64_t barrier, uint32_t bytes);
uint32_t outboard_mbarrier_parity(uint64_t barrier);  // of the phase that is not complete yet
// cp.async.bulk: `to` becomes `from`, then `barrier` (0: none) counts the bytes. `blocks` (0: only the block that `to`
// lies in) are ranks of the cluster's blocks that get the same; `chunks`: a bit for each byte of 16 that is copied.
void outboard_bulk_copy(software::Warp*, uint64_t to, uint64_t from, uint32_t bytes, uint64_t barrier, uint32_t blocks,
                        uint32_t chunks);
// cp.reduce.async.bulk and red.async. `how`: software::reduction().
void outboard_bulk_reduce(software::Warp*, uint64_t to, uint64_t from, uint32_t bytes, uint64_t barrier, uint32_t how);
void outboard_tensor_copy(software::Warp*, const software::TensorCopy*);
// tensormap.replace: `field` is one of software::TensorField, `ordinal` a dimension.
void outboard_tensor_replace(software::Warp*, uint64_t map, uint32_t field, uint32_t ordinal, uint64_t value);
// clusterlaunchcontrol.try_cancel: 16 bytes at `response`, of all of the cluster's blocks if `all`.
void outboard_try_cancel(software::Warp*, uint64_t response, uint64_t barrier, uint32_t all);
// wgmma.wait_group: returns when all four warps of the warpgroup have computed as many products as this one.
void outboard_warpgroup_wait(software::Warp*);
// A wait inside a spin loop (nanosleep, volatile polls): lets other warps of the block and other blocks run.
void outboard_yield(software::Warp*);
// A wait that is known to be one.
void outboard_pause(software::Warp*);
// vprintf for one lane: format and packed arguments (CUDA's vprintf layout: natural alignment, 8-byte doubles).
int32_t outboard_printf(software::Warp*, uint32_t lane, const char* format, const uint8_t* arguments);
// __assertfail for one lane; does not return into the kernel.
[[noreturn]] void outboard_assert(software::Warp*, uint32_t lane, const char* message, const char* file, uint32_t line,
                                  const char* function);
// trap / brkpt; ends the launch with CUDA_ERROR_LAUNCH_FAILED (reason: text for the log).
[[noreturn]] void outboard_trap(software::Warp*, uint32_t lane, const char* reason);
// An access to an address that is no multiple of its size; ends the launch with CUDA_ERROR_MISALIGNED_ADDRESS.
[[noreturn]] void outboard_misaligned(software::Warp*, uint32_t lane, uint64_t address);
// Loads and stores of the lanes in the mask, `bytes` each, anywhere.
void outboard_gather(uint32_t mask, uint32_t bytes, const uint64_t* addresses, uint8_t* values);
void outboard_scatter(uint32_t mask, uint32_t bytes, const uint64_t* addresses, const uint8_t* values);
void outboard_load_rarely(software::Warp*, const software::RareAccess*);
void outboard_store_rarely(software::Warp*, const software::RareAccess*);
// Only called by code whose accesses are checked (Grouping::checked; run/watched.cpp). `how`: bits of these, the state
// space (software::AccessSpace) and the number of elements of a lane.
enum : uint32_t {
  outboard_reads = 1,
  outboard_writes = 2,
  outboard_strong = 4,        // volatile, relaxed and stronger: such accesses do not race with each other
  outboard_whole_warp = 8,    // of the warp as a whole (.aligned): its lanes are not told apart
  outboard_one_address = 16,  // addresses[0] is every lane's
  outboard_own_frame = 32,    // the warp's local memory is divided among its lanes
  outboard_releases = 64,     // other blocks may count on what was done before (.release, .acq_rel)
  outboard_space_bits = 8,    // where these fields begin
  outboard_element_bits = 16,
};
// An access of `bytes` for each lane. Lanes that must not do it find another address in their place.
void outboard_check_access(software::Warp*, uint64_t* addresses, uint32_t lanes, uint32_t bytes, uint32_t how,
                           const uint8_t* values);
// The same for one lane: returns the address to use, 0: none, since there are too many bytes to have a place for them.
uint64_t outboard_check_range(software::Warp*, uint32_t lane, uint64_t address, uint64_t bytes, uint32_t how);
void outboard_check_meeting(software::Warp*, uint32_t lanes);  // bar.warp.sync
void outboard_check_fence(software::Warp*);                    // of the device or the system
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
// atom.b128: stores `desired` where the cell holds `expected` (null: whatever it holds); `old` is what it held. Two
// words each; the cell is 16-aligned.
void outboard_swap_128(uint64_t* cell, const uint64_t* expected, const uint64_t* desired, uint64_t* old);
uint64_t outboard_clock();        // clock64
uint64_t outboard_globaltimer();  // nanoseconds
}
