// Cubemaps: six square faces around the origin (CUDA C++ Programming Guide, "Cubemap Textures").
#pragma once
#include "device/software/run/texels.h"

namespace software {

struct FacePlace {
  uint32_t face;  // +x -x +y -y +z -z
  float s, t;     // from 0 to 1
};

// The face that a direction meets, and where: the axis of the largest component is the face's.
inline FacePlace face_place(float x, float y, float z) {
  float ax = x < 0 ? -x : x, ay = y < 0 ? -y : y, az = z < 0 ? -z : z;
  bool on_x = ax > ay && ax > az, on_y = !on_x && ay > az;
  float m = on_x ? ax : on_y ? ay : az;
  float s = on_x ? (x < 0 ? z : -z) : on_y ? x : (z < 0 ? -x : x);
  float t = on_y ? (y < 0 ? -z : z) : -y;
  uint32_t face = on_x ? (x < 0 ? 1 : 0) : on_y ? (y < 0 ? 3 : 2) : (z < 0 ? 5 : 4);
  float scale = m > 0 ? 0.5f / m : 0;
  return {face, s * scale + 0.5f, t * scale + 0.5f};
}

// Linear filtering across the edges of faces (CU_TRSF_SEAMLESS_CUBEMAP). `position`: s and t on the face that `slice`
// is, for each lane.
void sample_seamless(const Texture& texture, const Image& image, const Lanes<float>* position,
                     const Lanes<uint32_t>& slice, Texels& result);

}  // namespace software
