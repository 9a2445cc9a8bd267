#include "rung/ops/vector_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace rung {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Floats of every size and sign within [low, high], about 400 to a power of two.
std::vector<float> everywhere(float low, float high) {
  std::vector<float> out = {0.0F, -0.0F, low, high};
  for (uint32_t bits = 1; bits < 0x7f800000U; bits += 20011) {
    for (const uint32_t sign : {0U, 0x80000000U}) {
      const auto x = std::bit_cast<float>(bits | sign);
      if (x >= low && x <= high) out.push_back(x);
    }
  }
  return out;
}

// With fused multiply-adds, where the CPU has them: other roundings.
template <typename F>
__attribute__((target("avx2,fma"), flatten)) void apply_fused(const F& f, std::vector<float>& x) {
  for (float& value : x) value = f(value);
}
template <typename F>
void apply(const F& f, std::vector<float>& x) {
  for (float& value : x) value = f(value);
}

template <typename F, typename Exact>
void expect_close(const F& f, const Exact& exact, float low, float high, double tolerance) {
  const bool fused = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const std::vector<float> x = everywhere(low, high);
  for (int pass = 0; pass < (fused ? 2 : 1); ++pass) {
    std::vector<float> y = x;
    pass == 1 ? apply_fused(f, y) : apply(f, y);
    double worst = 0;
    float where = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double wanted = exact(static_cast<double>(x[i]));
      if (static_cast<float>(wanted) == y[i]) continue;
      const double scale = std::max(std::abs(wanted), 1.2e-38);
      const double error = std::abs(y[i] - wanted) / scale;
      if (error > worst || std::isnan(error)) worst = error, where = x[i];
    }
    EXPECT_LE(worst, tolerance) << "at " << where << ", pass " << pass;
  }
}

constexpr float kMost = std::numeric_limits<float>::max();
constexpr double kClose = 2.4e-7;

TEST(VectorMath, Exp) {
  expect_close([](float x) { return vec::exp(x); }, [](double x) { return std::exp(x); }, -kMost,
               kMost, kClose);
  EXPECT_EQ(vec::exp(-kInfinity), 0);
  EXPECT_EQ(vec::exp(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(vec::exp(std::nanf(""))));
}

TEST(VectorMath, Expm1) {
  expect_close([](float x) { return vec::expm1(x); }, [](double x) { return std::expm1(x); },
               -kMost, kMost, kClose);
  EXPECT_TRUE(std::isnan(vec::expm1(std::nanf(""))));
}

TEST(VectorMath, Log) {
  expect_close([](float x) { return vec::log(x); }, [](double x) { return std::log(x); }, 0, kMost,
               kClose);
  EXPECT_EQ(vec::log(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(vec::log(-1)));
  EXPECT_TRUE(std::isnan(vec::log(std::nanf(""))));
}

TEST(VectorMath, Log1p) {
  expect_close([](float x) { return vec::log1p(x); }, [](double x) { return std::log1p(x); }, -1,
               kMost, kClose);
  EXPECT_EQ(vec::log1p(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(vec::log1p(-2)));
}

TEST(VectorMath, Sigmoid) {
  expect_close([](float x) { return vec::sigmoid(x); },
               [](double x) { return 1 / (1 + std::exp(-x)); }, -87, kMost, kClose);
  EXPECT_EQ(vec::sigmoid(-kInfinity), 0);
  EXPECT_TRUE(std::isnan(vec::sigmoid(std::nanf(""))));
}

TEST(VectorMath, Tanh) {
  expect_close([](float x) { return vec::tanh(x); }, [](double x) { return std::tanh(x); }, -kMost,
               kMost, kClose);
  EXPECT_EQ(vec::tanh(-kInfinity), -1);
  EXPECT_TRUE(std::isnan(vec::tanh(std::nanf(""))));
}

TEST(VectorMath, Erf) {
  expect_close([](float x) { return vec::erf(x); }, [](double x) { return std::erf(x); }, -kMost,
               kMost, kClose);
  EXPECT_EQ(vec::erf(-kInfinity), -1);
  EXPECT_TRUE(std::isnan(vec::erf(std::nanf(""))));
}

}  // namespace
}  // namespace rung
