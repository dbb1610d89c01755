// Loads and stores of several values at once, structures as parameters, and 16-byte alignment through and through.
#include <cstring>
#include <vector>

#include "check.h"

struct __align__(16) Particle {
  float3 place;
  int kind;
  double2 moment;
};
struct Settings {
  char letter;
  short offset;
  uchar4 colour;
  double factor;
  int table[10];
};

__global__ void move(Particle* particles, Settings settings, int n, ushort2* tags, const longlong2* steps) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Particle p = particles[i];
  longlong2 step = steps[i % 4];
  p.place.x += static_cast<float>(settings.table[i % 10]);
  p.place.y = p.place.y * 2 + settings.colour.z;
  p.place.z -= settings.letter;
  p.kind += settings.offset;
  p.moment = make_double2(p.moment.y * settings.factor, p.moment.x + static_cast<double>(step.x - step.y));
  particles[i] = p;
  tags[i] = make_ushort2(static_cast<unsigned short>(p.kind), static_cast<unsigned short>(i ^ settings.colour.w));
}

int main() {
  const int n = 777;
  std::vector<Particle> particles(n), got(n);
  std::vector<ushort2> tags(n);
  Settings s = {'A', -5, {1, 2, 3, 250}, 0.5, {}};
  longlong2 steps[4], *st;
  for (int i = 0; i < 10; ++i) s.table[i] = i * i;
  for (int i = 0; i < 4; ++i) steps[i] = {i * 10000000000ll, i * 5ll};
  for (int i = 0; i < n; ++i) particles[i] = {{float(i), i * 0.5f, 3.0f}, i * 11, {i * 2.0, -1.0 * i}};
  Particle* p;
  ushort2* t;
  CHECK(cudaMalloc(&p, n * sizeof(Particle)));
  CHECK(cudaMalloc(&t, n * sizeof(ushort2)));
  CHECK(cudaMalloc(&st, sizeof steps));
  CHECK(cudaMemcpy(p, particles.data(), n * sizeof(Particle), cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(st, steps, sizeof steps, cudaMemcpyHostToDevice));
  move<<<(n + 63) / 64, 64>>>(p, s, n, t, st);
  CHECK(cudaMemcpy(got.data(), p, n * sizeof(Particle), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(tags.data(), t, n * sizeof(ushort2), cudaMemcpyDeviceToHost));
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    const Particle &before = particles[i], &now = got[i];
    EXPECT(now.place.x == before.place.x + s.table[i % 10] && now.place.y == before.place.y * 2 + 3 &&
           now.place.z == 3 - 'A');
    EXPECT(now.kind == before.kind - 5);
    EXPECT(now.moment.x == before.moment.y * 0.5 &&
           now.moment.y == before.moment.x + double(steps[i % 4].x - steps[i % 4].y));
    EXPECT(tags[i].x == (now.kind & 65535) && tags[i].y == (i ^ 250));
    sum += now.moment.y;
  }
  std::printf("vector_types: %.0f\n", sum);
}
