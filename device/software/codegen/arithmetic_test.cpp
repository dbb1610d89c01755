// Arithmetic of PTX against the same arithmetic of the host, in every rounding mode.
#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>

#include "device/software/codegen/kernel_harness.h"

namespace {

using namespace test;

struct Mode {
  const char* word;
  int host;
};
constexpr Mode modes[] = {{"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};

// Odd values of every magnitude, both signs, and the special ones.
template <class T>
std::vector<T> samples() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> all{0,
                     -T(0),
                     1,
                     -1,
                     Limits::max(),
                     Limits::lowest(),
                     Limits::min(),
                     Limits::denorm_min(),
                     -Limits::denorm_min(),
                     Limits::infinity(),
                     -Limits::infinity(),
                     T(1) / 3,
                     -T(2) / 3,
                     1 + Limits::epsilon(),
                     T(1e30),
                     T(-1e-30)};
  for (int i = 0; all.size() < 64; ++i)
    all.push_back(
        static_cast<T>(std::ldexp((i % 2 ? -1.0 : 1.0) * (1.0 + std::fmod(i * 0.618, 1.0)), i * 7 % 60 - 30)));
  return all;
}

template <class T>
bool same(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
}

// Runs `instruction` on every pair of samples (c is the sample after b), and `host` in the same mode.
template <class T, class Host>
void compare(const std::string& instruction, const Mode& mode, const Host& host) {
  bool wide = sizeof(T) == 8;
  std::string load = wide ? "ld.global.f64 " : "ld.global.f32 ", reg = wide ? "%g" : "%f", size = wide ? "8" : "4";
  Kernel kernel(".visible .entry k(.param .u64 p, .param .u64 a, .param .u64 b, .param .u64 c)\n{" +
                std::string(prologue) + "mul.wide.s32 %d3, %r1, " + size +
                "; ld.param.u64 %d4, [a]; add.s64 %d4, %d4, %d3; ld.param.u64 %d5, [b];" +
                "add.s64 %d5, %d5, %d3; ld.param.u64 %d6, [c]; add.s64 %d6, %d6, %d3; add.s64 %d7, %d1, %d3;" + load +
                reg + "1, [%d4]; " + load + reg + "2, [%d5]; " + load + reg + "3, [%d6]; " + instruction +
                (wide ? " st.global.f64 [%d7], %g4;" : " st.global.f32 [%d7], %f4;") + " ret; }\n");
  auto one = samples<T>();
  size_t n = one.size();
  std::vector<T> a(n * n), b(n * n), c(n * n), out(n * n);
  for (size_t i = 0; i < n * n; ++i) a[i] = one[i / n], b[i] = one[i % n], c[i] = one[(i + 1 + i / n) % n];
  ASSERT_EQ(kernel.run(static_cast<uint32_t>(n), static_cast<uint32_t>(n),
                       {at(out.data()), at(a.data()), at(b.data()), at(c.data())}),
            CUDA_SUCCESS);
  for (size_t i = 0; i < n * n; ++i) {
    volatile T x = a[i], y = b[i], z = c[i];
    std::fesetround(mode.host);
    volatile T expected = host(x, y, z);
    std::fesetround(FE_TONEAREST);
    ASSERT_TRUE(same<T>(out[i], expected))
        << instruction << " of " << a[i] << ", " << b[i] << ", " << c[i] << ": " << out[i] << ", not " << expected;
  }
}

template <class T>
void directed(const char* type, const char* reg) {
  for (const Mode& mode : modes) {
    auto two = [&](const char* name) {
      return std::string(name) + "." + mode.word + "." + type + " " + reg + "4, " + reg + "1, " + reg + "2;";
    };
    auto single = [&](const char* name) {
      return std::string(name) + "." + mode.word + "." + type + " " + reg + "4, " + reg + "1;";
    };
    compare<T>(two("add"), mode, [](volatile T& a, volatile T& b, volatile T&) { return a + b; });
    compare<T>(two("sub"), mode, [](volatile T& a, volatile T& b, volatile T&) { return a - b; });
    compare<T>(two("mul"), mode, [](volatile T& a, volatile T& b, volatile T&) { return a * b; });
    compare<T>(two("div"), mode, [](volatile T& a, volatile T& b, volatile T&) { return a / b; });
    compare<T>(single("sqrt"), mode, [](volatile T& a, volatile T&, volatile T&) { return std::sqrt(a); });
    compare<T>(single("rcp"), mode, [](volatile T& a, volatile T&, volatile T&) {
      volatile T one = 1;
      return one / a;
    });
    compare<T>(
        std::string("fma.") + mode.word + "." + type + " " + reg + "4, " + reg + "1, " + reg + "2, " + reg + "3;", mode,
        [](volatile T& a, volatile T& b, volatile T& c) { return std::fma(a, b, c); });
  }
}

TEST(arithmetic, single_precision_rounds_in_every_direction) { directed<float>("f32", "%f"); }
TEST(arithmetic, double_precision_rounds_in_every_direction) { directed<double>("f64", "%g"); }

// As expf() rounds to whole numbers: the code takes another way where the factor and the large summand are known. %f1
// is the same for all lanes of a warp, %f2 is not.
TEST(arithmetic, sums_with_large_numbers_round_in_every_direction) {
  struct {
    const char *factor, *shift;
    float by, to;
  } constexpr known[] = {{"0f437C0000", "0f4B400001", 252, 12582913},
                         {"0f3F800000", "0f4B000000", 1, 8388608},
                         {"0f3FC00000", "0f4B7FFFFF", 1.5, 16777215}};
  for (const Mode& mode : modes)
    for (const auto& [factor, shift, by, to] : known)
      for (const char* source : {"%f1", "%f2"}) {
        bool first = source[2] == '1';
        compare<float>(std::string("mov.f32 %f5, ") + factor + "; mov.f32 %f6, " + shift + "; fma." + mode.word +
                           ".f32 %f4, " + source + ", %f5, %f6;",
                       mode, [&](volatile float& a, volatile float& b, volatile float&) {
                         volatile float x = first ? a : b, y = by, z = to;
                         return std::fma(x, y, z);
                       });
      }
}

TEST(arithmetic, long_integers_become_floats_in_every_direction) {
  constexpr int64_t numbers[] = {0,
                                 1,
                                 -1,
                                 16777217,
                                 -16777217,
                                 0x7fffffffffffffff,
                                 INT64_MIN,
                                 -0x7fffffffffffffff,
                                 0x0123456789abcdef,
                                 -0x00ffffff00000001};
  for (const Mode& mode : modes) {
    std::string m = mode.word;
    Kernel kernel(".visible .entry k(.param .u64 p, .param .u64 n)\n{" + std::string(prologue) +
                  "ld.param.u64 %d4, [n]; mul.wide.s32 %d3, %r1, 8; add.s64 %d4, %d4, %d3; ld.global.u64 %d5, [%d4]; "
                  "add.s64 %d6, %d1, %d3;"
                  "cvt." +
                  m + ".f32.s64 %f1, %d5; cvt." + m +
                  ".f32.u64 %f2, %d5; st.global.v2.f32 [%d6], {%f1, %f2}; ret; }\n");
    std::vector<int64_t> in(std::begin(numbers), std::end(numbers));
    std::vector<float> out(2 * in.size());
    ASSERT_EQ(kernel.run(1, static_cast<uint32_t>(in.size()), {at(out.data()), at(in.data())}), CUDA_SUCCESS);
    for (size_t i = 0; i < in.size(); ++i) {
      // A long double holds any of them, and its conversion to float follows the mode.
      volatile long double as_signed = static_cast<long double>(in[i]),
                           as_unsigned = static_cast<long double>(static_cast<uint64_t>(in[i]));
      std::fesetround(mode.host);
      volatile float expected = static_cast<float>(as_signed), positive = static_cast<float>(as_unsigned);
      std::fesetround(FE_TONEAREST);
      EXPECT_EQ(out[2 * i], expected) << m << " of " << in[i];
      EXPECT_EQ(out[2 * i + 1], positive) << m << " of unsigned " << in[i];
    }
  }
}

}  // namespace
