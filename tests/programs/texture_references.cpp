// Texture and surface references of a module, bound through the driver API, and the instructions that only PTX text has:
// named textures, samplers of their own, queries, gathers of a component.
#include <cuda.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // that is what this program is about
#include "driver_check.h"

const char* const unified = R"(
.version 7.0
.target sm_70
.address_size 64
.global .texref image;
.global .texref line;
.global .surfref drawing;
.visible .entry by_name(.param .u64 out) {
  .reg .b32 %r<8>; .reg .f32 %f<12>; .reg .b64 %rd<4>; .reg .pred %p<4>;
  ld.param.u64 %rd1, [out];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd2, %r1, 16;
  add.s64 %rd1, %rd1, %rd2;
  cvt.rn.f32.u32 %f1, %r1;
  add.f32 %f1, %f1, 0f3F000000;
  mov.f32 %f2, 0f3FC00000;
  tex.2d.v4.f32.f32 {%f3, %f4, %f5, %f6}, [image, {%f1, %f2}];
  tex.1d.v4.f32.s32 {%f7, %f8, %f9, %f10}, [line, {%r1}];
  mov.u64 %rd3, image;
  tex.2d.v4.f32.f32 {%f8, %f9, %f10, %f11}, [%rd3, {%f1, %f2}];
  st.global.v4.f32 [%rd1], {%f3, %f4, %f7, %f8};
  ret;
}
.visible .entry draw() {
  .reg .b32 %r<8>; .reg .b64 %rd<4>;
  mov.u32 %r1, %tid.x;
  shl.b32 %r2, %r1, 3;
  mov.u32 %r3, 1;
  mul.lo.u32 %r4, %r1, 3;
  sust.b.2d.v2.b32.trap [drawing, {%r2, %r3}], {%r1, %r4};
  bar.sync 0;
  suld.b.2d.v2.b32.trap {%r5, %r6}, [drawing, {%r2, %r3}];
  mov.u32 %r3, 0;
  add.u32 %r5, %r5, %r6;
  sust.b.2d.b32.trap [drawing, {%r2, %r3}], %r5;
  sured.b.add.2d.u32.trap [drawing, {0, 2}], %r1;
  sured.b.max.2d.s32.trap [drawing, {8, 2}], %r1;
  ret;
}
.visible .entry ask(.param .u64 out) {
  .reg .b32 %r<12>; .reg .b64 %rd<4>; .reg .pred %p<4>;
  ld.param.u64 %rd1, [out];
  txq.width.b32 %r1, [image];
  txq.height.b32 %r2, [image];
  txq.normalized_coords.b32 %r3, [image];
  suq.width.b32 %r4, [drawing];
  suq.height.b32 %r5, [drawing];
  txq.channel_order.b32 %r6, [image];
  mov.u64 %rd2, image;
  istypep.texref %p1, %rd2;
  selp.b32 %r7, 1, 0, %p1;
  istypep.surfref %p2, %rd2;
  selp.b32 %r8, 1, 0, %p2;
  st.global.v4.b32 [%rd1], {%r1, %r2, %r3, %r4};
  st.global.v4.b32 [%rd1+16], {%r5, %r6, %r7, %r8};
  ret;
}
)";
const char* const independent = R"(
.version 7.0
.target sm_70, texmode_independent
.address_size 64
.global .texref image;
.global .samplerref smooth = { addr_mode_0 = clamp_to_edge, addr_mode_1 = clamp_to_edge, filter_mode = linear, force_unnormalized_coords = 1 };
.global .samplerref rough = { addr_mode_0 = clamp_to_border, addr_mode_1 = wrap, filter_mode = nearest };
.visible .entry samplers(.param .u64 out) {
  .reg .f32 %f<24>; .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [image, smooth, {0f40000000, 0f3F800000}];
  tex.2d.v4.f32.f32 {%f5, %f6, %f7, %f8}, [image, rough, {0f3F400000, 0f3FA00000}];
  tex.2d.v4.f32.f32 {%f9, %f10, %f11, %f12}, [image, rough, {0fBF400000, 0f3F000000}];
  tld4.r.2d.v4.f32.f32 {%f13, %f14, %f15, %f16}, [image, smooth, {0f40000000, 0f3F800000}];
  st.global.v4.f32 [%rd1], {%f1, %f5, %f9, %f13};
  st.global.v4.f32 [%rd1+16], {%f14, %f15, %f16, %f2};
  ret;
}
)";

const int width = 8, height = 4;

static CUarray make(CUarray_format format, unsigned channels, unsigned flags, const void* texels, size_t texel) {
  CUDA_ARRAY3D_DESCRIPTOR shape = {width, height, 0, format, channels, flags};
  CUarray array;
  DRIVER(cuArray3DCreate(&array, &shape));
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST, copy.srcHost = texels, copy.srcPitch = width * texel;
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY, copy.dstArray = array;
  copy.WidthInBytes = width * texel, copy.Height = height;
  DRIVER(cuMemcpy2D(&copy));
  return array;
}

static void launch(CUmodule module, const char* name, unsigned threads, CUdeviceptr* out) {
  CUfunction kernel;
  DRIVER(cuModuleGetFunction(&kernel, module, name));
  void* parameters[] = {out};
  DRIVER(cuLaunchKernel(kernel, 1, 1, 1, threads, 1, 1, 0, nullptr, out ? parameters : nullptr, nullptr));
  DRIVER(cuCtxSynchronize());
}

static void check_settings(CUtexref image, CUarray array) {
  CUarray bound;
  DRIVER(cuTexRefGetArray(&bound, image));
  EXPECT(bound == array);
  CUarray_format format;
  int channels;
  DRIVER(cuTexRefGetFormat(&format, &channels, image));
  EXPECT(format == CU_AD_FORMAT_UNSIGNED_INT8 && channels == 2);
  CUaddress_mode mode;
  DRIVER(cuTexRefSetAddressMode(image, 1, CU_TR_ADDRESS_MODE_MIRROR));
  DRIVER(cuTexRefGetAddressMode(&mode, image, 1));
  EXPECT(mode == CU_TR_ADDRESS_MODE_MIRROR);
  CUfilter_mode filter;
  DRIVER(cuTexRefSetFilterMode(image, CU_TR_FILTER_MODE_POINT));
  DRIVER(cuTexRefGetFilterMode(&filter, image));
  EXPECT(filter == CU_TR_FILTER_MODE_POINT);
  float colour[4] = {1, 2, 3, 4}, read[4] = {};
  DRIVER(cuTexRefSetBorderColor(image, colour));
  DRIVER(cuTexRefGetBorderColor(read, image));
  EXPECT(std::memcmp(colour, read, sizeof read) == 0);
  unsigned flags;
  DRIVER(cuTexRefSetFlags(image, 0));
  DRIVER(cuTexRefGetFlags(&flags, image));
  EXPECT(flags == 0);
}

static void by_name(CUdeviceptr out) {
  CUmodule module;
  DRIVER(cuModuleLoadData(&module, unified));
  std::vector<unsigned char> texels(width * height * 2);
  for (size_t i = 0; i < texels.size(); ++i) texels[i] = (unsigned char)(i * 3);
  CUarray array = make(CU_AD_FORMAT_UNSIGNED_INT8, 2, 0, texels.data(), 2);
  CUtexref image, line;
  DRIVER(cuModuleGetTexRef(&image, module, "image"));
  DRIVER(cuModuleGetTexRef(&line, module, "line"));
  EXPECT(cuModuleGetTexRef(&line, module, "nothing") == CUDA_ERROR_NOT_FOUND);
  DRIVER(cuTexRefSetArray(image, array, CU_TRSA_OVERRIDE_FORMAT));
  check_settings(image, array);
  float numbers[width];
  for (int i = 0; i < width; ++i) numbers[i] = float(i) * 1.5f;
  CUdeviceptr memory;
  DRIVER(cuMemAlloc(&memory, sizeof numbers));
  DRIVER(cuMemcpyHtoD(memory, numbers, sizeof numbers));
  DRIVER(cuTexRefSetFormat(line, CU_AD_FORMAT_FLOAT, 1));
  size_t offset = 99;
  DRIVER(cuTexRefSetAddress(&offset, line, memory, sizeof numbers));
  EXPECT(offset == 0);
  launch(module, "by_name", width, &out);
  float got[width][4];
  DRIVER(cuMemcpyDtoH(got, out, sizeof got));
  for (int i = 0; i < width; ++i) {  // not read as integers: fractions of 255
    EXPECT(got[i][0] == float(texels[(width + i) * 2]) / 255 && got[i][1] == float(texels[(width + i) * 2 + 1]) / 255);
    EXPECT(got[i][2] == numbers[i] && got[i][3] == got[i][0]);
  }

  std::vector<unsigned> zeros(width * height * 2);
  CUarray canvas = make(CU_AD_FORMAT_UNSIGNED_INT32, 2, CUDA_ARRAY3D_SURFACE_LDST, zeros.data(), 8);
  CUsurfref drawing;
  DRIVER(cuModuleGetSurfRef(&drawing, module, "drawing"));
  EXPECT(cuSurfRefSetArray(drawing, array, 0) == CUDA_ERROR_INVALID_VALUE);  // not made for surfaces
  DRIVER(cuSurfRefSetArray(drawing, canvas, 0));
  launch(module, "draw", width, nullptr);
  std::vector<unsigned> drawn(width * height * 2);
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_ARRAY, copy.srcArray = canvas;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST, copy.dstHost = drawn.data(), copy.dstPitch = width * 8;
  copy.WidthInBytes = width * 8, copy.Height = height;
  DRIVER(cuMemcpy2D(&copy));
  for (unsigned i = 0; i < width; ++i)
    EXPECT(drawn[(width + i) * 2] == i && drawn[(width + i) * 2 + 1] == 3 * i && drawn[i * 2] == 4 * i);
  EXPECT(drawn[2 * width * 2] == width * (width - 1) / 2 && drawn[2 * width * 2 + 2] == width - 1);

  launch(module, "ask", 1, &out);
  unsigned answers[8];
  DRIVER(cuMemcpyDtoH(answers, out, sizeof answers));
  const unsigned expected[] = {width, height, 0, width, height, 0x10b2 /* CL_RG */, 1, 0};
  EXPECT(std::memcmp(answers, expected, sizeof answers) == 0);
  DRIVER(cuModuleUnload(module));
  DRIVER(cuArrayDestroy(array));
  DRIVER(cuArrayDestroy(canvas));
}

static void samplers(CUdeviceptr out) {
  CUmodule module;
  DRIVER(cuModuleLoadData(&module, independent));
  float texels[width * height];
  for (int i = 0; i < width * height; ++i) texels[i] = float(i * i);
  CUarray array = make(CU_AD_FORMAT_FLOAT, 1, 0, texels, 4);
  CUtexref image;
  DRIVER(cuModuleGetTexRef(&image, module, "image"));
  DRIVER(cuTexRefSetArray(image, array, CU_TRSA_OVERRIDE_FORMAT));
  launch(module, "samplers", 1, &out);
  float got[8];
  DRIVER(cuMemcpyDtoH(got, out, sizeof got));
  auto texel = [&](int x, int y) { return texels[y * width + x]; };
  EXPECT(got[0] == (texel(1, 0) + texel(2, 0) + texel(1, 1) + texel(2, 1)) / 4);
  EXPECT(got[1] == texel(6, 1));  // 0.75 of 8; 1.25 wraps to 0.25 of 4
  EXPECT(got[2] == 0);            // the border
  EXPECT(got[3] == texel(1, 1) && got[4] == texel(2, 1) && got[5] == texel(2, 0) && got[6] == texel(1, 0));
  DRIVER(cuModuleUnload(module));
}

int main() {
  CUdevice device;
  CUcontext context;
  DRIVER(cuInit(0));
  DRIVER(cuDeviceGet(&device, 0));
  DRIVER(cuDevicePrimaryCtxRetain(&context, device));
  DRIVER(cuCtxSetCurrent(context));
  CUdeviceptr out;
  DRIVER(cuMemAlloc(&out, 4096));
  by_name(out);
  samplers(out);
  std::printf("texture_references: good\n");
}
