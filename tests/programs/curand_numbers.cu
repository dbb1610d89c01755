// cuRAND at short: two generators of the host interface give on the device what they give on the host.
#include <curand.h>

#include "library.h"

constexpr int count = 2000;

// Uniform numbers and, where asked for, normal ones: the same from both sides.
void compare(curandRngType_t type, bool normal) {
  curandGenerator_t device, host;
  WORKS(curandCreateGenerator(&device, type));
  WORKS(curandCreateGeneratorHost(&host, type));
  for (curandGenerator_t generator : {device, host}) WORKS(curandSetPseudoRandomGeneratorSeed(generator, 1234));
  Device<float> output(count);
  std::vector<float> expected(count);
  auto make = [&](curandGenerator_t generator, float* to) {
    return normal ? curandGenerateNormal(generator, to, count, 3, 2) : curandGenerateUniform(generator, to, count);
  };
  WORKS(make(device, output.get()));
  WORKS(make(host, expected.data()));
  auto found = output.read();
  double sum = 0;
  for (int i = 0; i < count; ++i) {
    EXPECT(near(found[i], expected[i], 1e-4));
    sum += found[i];
  }
  double mean = normal ? 3 : 0.5, deviation = normal ? 2 : 0.289;
  EXPECT(std::fabs(sum / count - mean) < 5 * deviation / std::sqrt(count));
  WORKS(curandDestroyGenerator(device));
  WORKS(curandDestroyGenerator(host));
}

int main() {
  compare(CURAND_RNG_PSEUDO_PHILOX4_32_10, false);
  compare(CURAND_RNG_PSEUDO_PHILOX4_32_10, true);
  compare(CURAND_RNG_PSEUDO_XORWOW, false);
  std::printf("curand_numbers: device and host agree\n");
}
