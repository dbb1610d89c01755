/* Virtual GPUs from C, C++ and whatever can call C: connect to one, allocate, copy, launch, disconnect.
 *
 * Link with -lvgpu. A virtual GPU is made on the server (outboard vgpu create NAME ...); NAME is looked for among the
 * servers that were joined (outboard join), then on the server that OUTBOARD_TARGET names, then on this user's own.
 *
 * Handles are not addresses: one that was freed, closed or invented is found out, and the call fails. Functions that
 * give int give VGPU_SUCCESS (0) or another vgpuResult; functions that give a handle give NULL when they fail. In both
 * cases vgpu_last_error() says why in one sentence.
 *
 * Thread-safety: all functions may be called from several threads at once, also with the same handles; freeing what
 * another thread still uses makes that thread's call fail. A child made by fork() has no virtual GPU.
 *
 * Sizes and offsets are in bytes. Work of one vgpuHandle runs in the order of the calls. */
#ifndef VGPU_API_H
#define VGPU_API_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef VGPU_API
#define VGPU_API
#endif

typedef struct vgpuHandle_st* vgpuHandle;     /* a connection to a virtual GPU */
typedef struct vgpuMemory_st* vgpuMemory;     /* memory there */
typedef struct vgpuModule_st* vgpuModule;     /* code there */
typedef struct vgpuFunction_st* vgpuFunction; /* a kernel of a module; good as long as the module */

typedef enum vgpuResult {
  VGPU_SUCCESS = 0,
  VGPU_ERROR_INVALID_VALUE = 1,  /* a size, an offset or a pointer that cannot be */
  VGPU_ERROR_INVALID_HANDLE = 2, /* freed, closed, or never given */
  VGPU_ERROR_OUT_OF_MEMORY = 3,  /* more than the virtual GPU has left */
  VGPU_ERROR_NOT_FOUND = 4,      /* no kernel of that name */
  VGPU_ERROR_INVALID_IMAGE = 5,  /* code that this device cannot run */
  VGPU_ERROR_LAUNCH = 6,         /* a kernel failed; the connection can only be closed */
  VGPU_ERROR_CONNECTION = 7,     /* no server, no such virtual GPU, refused, or lost */
  VGPU_ERROR_UNKNOWN = 99        /* anything else; vgpu_last_error() names it */
} vgpuResult;

/* Connects to the virtual GPU `name`. NULL when it does not exist, is full, or cannot be reached. One process uses one
 * virtual GPU: connecting to it again gives a further handle, with its own order of work; to another one fails.
 * The caller owns the handle: vgpu_disconnect(). */
VGPU_API vgpuHandle vgpu_connect(const char* name);

/* Ends what runs, frees all memory and modules of the handle, closes it. */
VGPU_API int vgpu_disconnect(vgpuHandle handle);

/* `size` bytes of device memory, not cleared; NULL when the quota does not allow it or size is 0.
 * The caller owns it: vgpu_free_memory(). */
VGPU_API vgpuMemory vgpu_allocate_memory(vgpuHandle handle, size_t size);

/* Waits for the kernels of the handle, then frees. */
VGPU_API int vgpu_free_memory(vgpuHandle handle, vgpuMemory memory);

/* The address that kernels know the memory by; 0 when it fails. To be passed to kernels, not to be read here. */
VGPU_API uint64_t vgpu_memory_address(vgpuHandle handle, vgpuMemory memory);

/* How much the virtual GPU has left for all its sessions, and in total. Each pointer may be NULL. */
VGPU_API int vgpu_memory_info(vgpuHandle handle, size_t* free, size_t* total);

/* Copies `size` bytes from the program's memory to `offset` in the device's, and back. Both wait for earlier kernels,
 * and return when the bytes have been read or written. Beyond the end of the memory: an error, and nothing is copied.
 */
VGPU_API int vgpu_copy_in(vgpuHandle handle, vgpuMemory memory, size_t offset, const void* from, size_t size);
VGPU_API int vgpu_copy_out(vgpuHandle handle, void* to, vgpuMemory memory, size_t offset, size_t size);

/* Loads PTX text, a fat binary or a cubin. `image` is only read during the call. NULL: it is none of these, or none
 * that the device can run. The caller owns it: vgpu_unload_module(). */
VGPU_API vgpuModule vgpu_load_module(vgpuHandle handle, const void* image, size_t size);
VGPU_API int vgpu_unload_module(vgpuHandle handle, vgpuModule module);

/* A kernel by its name in the PTX (C++ names are mangled; extern "C" kernels are not). NULL: there is none. */
VGPU_API vgpuFunction vgpu_get_function(vgpuHandle handle, vgpuModule module, const char* name);

/* How a kernel is spread: blocks, threads of a block, bytes of dynamic shared memory. */
typedef struct vgpuShape {
  unsigned grid[3], block[3];
  unsigned shared_bytes;
} vgpuShape;

/* Starts a kernel and does not wait. `parameters` has one pointer for each of the kernel's parameters, to its value,
 * all read during the call; memory is passed as a uint64_t of vgpu_memory_address(). Errors of the kernel itself come
 * with the next call that waits. */
VGPU_API int vgpu_launch(vgpuHandle handle, vgpuFunction function, vgpuShape shape, void** parameters);

/* Waits until all work of the handle is done. */
VGPU_API int vgpu_synchronize(vgpuHandle handle);

/* The device's name into `name`, NUL-terminated, cut at `size`. */
VGPU_API int vgpu_device_name(vgpuHandle handle, char* name, size_t size);

/* Why this thread's last failed call failed: one sentence, never NULL, good until the thread's next call. */
VGPU_API const char* vgpu_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
