// Tensor maps: 128 bytes that the client fills by itself (CUDA Driver API, "Tensor Map Object Management"). Which
// values are refused is what that section says.
#include <cstring>

#include "api/cuda/tensor_map.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/session.h"

namespace {

using api::TensorMap;
using api::TensorSwizzle;
using api::TensorType;

struct Common {
  CUtensorMap* map;
  CUtensorMapDataType type;
  uint32_t rank;
  void* address;
  const cuuint64_t* dimensions;
  const cuuint64_t* strides;
  const cuuint32_t* steps;
  CUtensorMapInterleave interleave;
  CUtensorMapSwizzle swizzle;
  CUtensorMapL2promotion promotion;
  CUtensorMapFloatOOBfill fill;
};

constexpr uint64_t most_stride = uint64_t{1} << 40, most_dimension = uint64_t{1} << 32;

bool multiple(uint64_t value, uint64_t of) { return value % of == 0; }

// What an inner row may span, in bytes, for the mode; 0: whatever.
unsigned span(TensorSwizzle swizzle) {
  switch (swizzle) {
    case TensorSwizzle::none: return 0;
    case TensorSwizzle::b32: return 32;
    case TensorSwizzle::b64: return 64;
    default: return 128;
  }
}

CUresult fill_common(const Common& given, TensorMap& map) {
  auto type = static_cast<unsigned>(given.type), swizzle = static_cast<unsigned>(given.swizzle);
  if (!given.map || !given.dimensions || !given.steps || (given.rank > 1 && !given.strides))
    return CUDA_ERROR_INVALID_VALUE;
  if (given.rank == 0 || given.rank > TensorMap::most_rank) return CUDA_ERROR_INVALID_VALUE;
  if (!multiple(reinterpret_cast<uint64_t>(given.map), 64)) return CUDA_ERROR_INVALID_VALUE;
  map.address = reinterpret_cast<uint64_t>(given.address);
  if (!multiple(map.address, 16)) return CUDA_ERROR_INVALID_VALUE;
  if (static_cast<unsigned>(given.interleave) > 2 || static_cast<unsigned>(given.promotion) > 3 ||
      static_cast<unsigned>(given.fill) > 1)
    return CUDA_ERROR_INVALID_VALUE;
  // Packed types of 4 and 6 bits, interleaved layouts and exchanged halves are not done.
  bool known = type < static_cast<unsigned>(TensorType::count) && swizzle < static_cast<unsigned>(TensorSwizzle::count);
  if (!known || static_cast<unsigned>(given.interleave) != 0) return CUDA_ERROR_NOT_SUPPORTED;
  map.magic = TensorMap::mark;
  map.rank = static_cast<uint8_t>(given.rank);
  map.type = static_cast<TensorType>(type);
  map.swizzle = static_cast<TensorSwizzle>(swizzle);
  if (map.swizzle == TensorSwizzle::b128_atom_32_flip_8) return CUDA_ERROR_NOT_SUPPORTED;
  map.nan_fill = static_cast<unsigned>(given.fill) != 0;
  for (uint32_t i = 0; i < given.rank; ++i) {
    if (given.dimensions[i] == 0 || given.dimensions[i] > most_dimension) return CUDA_ERROR_INVALID_VALUE;
    if (given.steps[i] == 0 || given.steps[i] > 8) return CUDA_ERROR_INVALID_VALUE;
    map.last[i] = static_cast<uint32_t>(given.dimensions[i] - 1);
    map.steps[i] = i == 0 ? 1 : static_cast<uint8_t>(given.steps[i]);  // "the first element is ignored"
    if (i + 1 == given.rank) break;
    if (!multiple(given.strides[i], 16) || given.strides[i] >= most_stride) return CUDA_ERROR_INVALID_VALUE;
    map.strides[i] = given.strides[i];
  }
  return CUDA_SUCCESS;
}

bool row_fits(const TensorMap& map, uint32_t elements) {
  uint32_t bytes = elements * api::bytes_of(map.type);
  return multiple(bytes, 16) && (span(map.swizzle) == 0 || bytes <= span(map.swizzle));
}

}  // namespace

OUTBOARD_EXPORT CUresult cuTensorMapEncodeTiled(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType,
                                                cuuint32_t tensorRank, void* globalAddress, const cuuint64_t* globalDim,
                                                const cuuint64_t* globalStrides, const cuuint32_t* boxDim,
                                                const cuuint32_t* elementStrides, CUtensorMapInterleave interleave,
                                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion l2Promotion,
                                                CUtensorMapFloatOOBfill oobFill) {
  TensorMap map{};
  CUresult bad = fill_common({tensorMap, tensorDataType, tensorRank, globalAddress, globalDim, globalStrides,
                              elementStrides, interleave, swizzle, l2Promotion, oobFill},
                             map);
  if (bad) return bad;
  if (!boxDim) return CUDA_ERROR_INVALID_VALUE;
  for (uint32_t i = 0; i < tensorRank; ++i) {
    if (boxDim[i] == 0 || boxDim[i] > 256) return CUDA_ERROR_INVALID_VALUE;
    map.box[i] = static_cast<uint16_t>(boxDim[i]);
  }
  if (!row_fits(map, boxDim[0])) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(static_cast<void*>(tensorMap), &map, sizeof map);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuTensorMapEncodeIm2col(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType,
                                                 cuuint32_t tensorRank, void* globalAddress,
                                                 const cuuint64_t* globalDim, const cuuint64_t* globalStrides,
                                                 const int* pixelBoxLowerCorner, const int* pixelBoxUpperCorner,
                                                 cuuint32_t channelsPerPixel, cuuint32_t pixelsPerColumn,
                                                 const cuuint32_t* elementStrides, CUtensorMapInterleave interleave,
                                                 CUtensorMapSwizzle swizzle, CUtensorMapL2promotion l2Promotion,
                                                 CUtensorMapFloatOOBfill oobFill) {
  TensorMap map{};
  CUresult bad = fill_common({tensorMap, tensorDataType, tensorRank, globalAddress, globalDim, globalStrides,
                              elementStrides, interleave, swizzle, l2Promotion, oobFill},
                             map);
  if (bad) return bad;
  bool sizes = channelsPerPixel >= 1 && channelsPerPixel <= 256 && pixelsPerColumn >= 1 && pixelsPerColumn <= 1024;
  if (tensorRank < 3 || !pixelBoxLowerCorner || !pixelBoxUpperCorner || !sizes) return CUDA_ERROR_INVALID_VALUE;
  constexpr int reach[] = {1 << 15, 1 << 7, 1 << 4};  // of a corner, by rank from 3 on
  for (uint32_t i = 0; i + 2 < tensorRank; ++i) {
    int most = reach[tensorRank - 3], lower = pixelBoxLowerCorner[i], upper = pixelBoxUpperCorner[i];
    if (lower < -most || lower >= most || upper < -most || upper >= most) return CUDA_ERROR_INVALID_VALUE;
    map.lower[i] = static_cast<int16_t>(lower);
    map.upper[i] = static_cast<int16_t>(upper);
  }
  if (!row_fits(map, channelsPerPixel)) return CUDA_ERROR_INVALID_VALUE;
  map.channels = static_cast<uint16_t>(channelsPerPixel);
  map.pixels = static_cast<uint16_t>(pixelsPerColumn);
  std::memcpy(static_cast<void*>(tensorMap), &map, sizeof map);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuTensorMapReplaceAddress(CUtensorMap* tensorMap, void* globalAddress) {
  if (!tensorMap || !multiple(reinterpret_cast<uint64_t>(globalAddress), 16)) return CUDA_ERROR_INVALID_VALUE;
  TensorMap map;
  std::memcpy(&map, static_cast<const void*>(tensorMap), sizeof map);
  if (map.magic != TensorMap::mark) return CUDA_ERROR_INVALID_VALUE;
  map.address = reinterpret_cast<uint64_t>(globalAddress);
  std::memcpy(static_cast<void*>(tensorMap), &map, sizeof map);
  return CUDA_SUCCESS;
}
