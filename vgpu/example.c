/* Doubles numbers on a virtual GPU: outboard vgpu create my_vgpu_instance --memory 256MiB --compute 50; outboard serve
 * cc example.c -lvgpu */
#include <stdio.h>
#include <string.h>

#include "vgpu_api.h"

static const char ptx[] =
    ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .entry twice(.param .u64 numbers, .param .u32 count)\n{\n"
    ".reg .u64 %a, %o; .reg .u32 %i, %n, %b, %t; .reg .f32 %f; .reg .pred %p;\n"
    "ld.param.u64 %a, [numbers]; ld.param.u32 %n, [count];\n"
    "mov.u32 %b, %ctaid.x; mov.u32 %i, %ntid.x; mov.u32 %t, %tid.x; mad.lo.u32 %i, %b, %i, %t;\n"
    "setp.ge.u32 %p, %i, %n; @%p ret;\n"
    "mul.wide.u32 %o, %i, 4; add.u64 %a, %a, %o;\n"
    "ld.global.f32 %f, [%a]; add.f32 %f, %f, %f; st.global.f32 [%a], %f;\nret;\n}\n";

enum { count = 262144 };
static float numbers[count];

static int failed(const char* what) {
  fprintf(stderr, "Error: %s: %s.\n", what, vgpu_last_error());
  return 1;
}

static int twice(vgpuHandle handle, vgpuMemory memory) {
  vgpuModule module = vgpu_load_module(handle, ptx, strlen(ptx));
  vgpuFunction function = module ? vgpu_get_function(handle, module, "twice") : NULL;
  uint64_t address = vgpu_memory_address(handle, memory);
  unsigned length = count;
  void* parameters[] = {&address, &length};
  vgpuShape shape = {{count / 256, 1, 1}, {256, 1, 1}, 0};
  int i;
  if (function == NULL) return failed("no kernel");
  for (i = 0; i < count; ++i) numbers[i] = (float)i;
  if (vgpu_copy_in(handle, memory, 0, numbers, sizeof numbers)) return failed("copy in");
  if (vgpu_launch(handle, function, shape, parameters)) return failed("launch");
  if (vgpu_synchronize(handle)) return failed("synchronize");
  if (vgpu_copy_out(handle, numbers, memory, 0, sizeof numbers)) return failed("copy out");
  for (i = 0; i < count; ++i)
    if (numbers[i] != 2.0f * (float)i) return fprintf(stderr, "Error: number %d is %f\n", i, (double)numbers[i]), 1;
  printf("%d numbers doubled\n", (int)count);
  return 0;
}

int main(void) {
  int result;
  vgpuHandle handle = vgpu_connect("my_vgpu_instance");
  if (handle == NULL) {
    fprintf(stderr, "Error: Failed to connect to vGPU.\n");
    fprintf(stderr, "%s\n", vgpu_last_error());
    return 1;
  }
  vgpuMemory memory = vgpu_allocate_memory(handle, 1024 * 1024);
  if (memory == NULL) {
    failed("no memory");
    vgpu_disconnect(handle);
    return 1;
  }
  result = twice(handle, memory);
  vgpu_free_memory(handle, memory);
  vgpu_disconnect(handle);
  return result;
}
