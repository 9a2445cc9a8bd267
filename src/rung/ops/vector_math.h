#pragma once

#include <bit>
#include <cstdint>

namespace rung::vec {

// Functions of a float without branches or calls, so that loops over them become vectors. Within
// 4 rounding errors of the exact value (2.4e-7 relative) unless said; NaN, infinities and values
// too small for a normal float come out as the C library's.

/// 2^n, -126 <= n <= 127.
inline float power_of_two(int32_t n) { return std::bit_cast<float>((n + 127) << 23); }

inline float abs(float x) { return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0x7fffffffU); }

/// The size of the first, the sign of the second.
inline float with_sign(float size, float sign) {
  return std::bit_cast<float>((std::bit_cast<uint32_t>(size) & 0x7fffffffU) |
                              (std::bit_cast<uint32_t>(sign) & 0x80000000U));
}

/// x = n ln 2 + r with |r| <= ln 2 / 2, and grown = exp(r) - 1. For |x| < 2^21.
struct Reduced {
  int32_t n;
  float grown;
};
inline Reduced reduce_for_exp(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  const float shifted = x * 1.44269504F + kRound;
  const int32_t n = std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kRound);
  const auto whole = static_cast<float>(n);
  // ln 2 in two pieces, of which the first has few enough bits for an exact product.
  const float r = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  return {n, p * (r * r) + r};
}

inline float exp(float x) {
  // Beyond these the result is 0 or infinity anyhow. NaN passes both comparisons.
  float bounded = x < -104.0F ? -104.0F : x;
  bounded = bounded > 89.0F ? 89.0F : bounded;
  const Reduced reduced = reduce_for_exp(bounded);
  // In two factors, as 2^n may be no normal float.
  const int32_t half = reduced.n >> 1;
  return (reduced.grown + 1.0F) * power_of_two(half) * power_of_two(reduced.n - half);
}

/// exp(x) - 1
inline float expm1(float x) {
  const float large = exp(x) - 1.0F;
  const bool near = abs(x) < 0.5F;
  const Reduced reduced = reduce_for_exp(near ? x : 0.0F);
  const float scale = power_of_two(reduced.n);
  const float small = scale * reduced.grown + (scale - 1.0F);
  return near ? small : large;
}

inline float log(float x) {
  constexpr float kInfinity = std::bit_cast<float>(0x7f800000U);
  constexpr float kNan = std::bit_cast<float>(0x7fc00000U);
  const bool tiny = x < 1.17549435e-38F;
  const float normal = tiny ? x * 8388608.0F : x;
  // The fraction from sqrt(1/2) to sqrt(2), and its exponent.
  const int32_t bits = std::bit_cast<int32_t>(normal) - 0x3f3504f3;
  const int32_t exponent = (bits >> 23) - (tiny ? 23 : 0);
  const float m = std::bit_cast<float>((bits & 0x7fffff) + 0x3f3504f3) - 1.0F;
  const auto e = static_cast<float>(exponent);
  float p = 7.0376836292e-2F;
  p = p * m - 1.1514610310e-1F;
  p = p * m + 1.1676998740e-1F;
  p = p * m - 1.2420140846e-1F;
  p = p * m + 1.4249322787e-1F;
  p = p * m - 1.6668057665e-1F;
  p = p * m + 2.0000714765e-1F;
  p = p * m - 2.4999993993e-1F;
  p = p * m + 3.3333331174e-1F;
  const float z = m * m;
  const float tail = p * (m * z) - e * 2.12194440e-4F - 0.5F * z;
  float y = (m + tail) + e * 0.693359375F;
  y = x == kInfinity ? kInfinity : y;
  y = x == 0.0F ? -kInfinity : y;
  return x >= 0.0F ? y : kNan;
}

/// log(1 + x)
inline float log1p(float x) {
  // The quotient undoes the rounding of 1 + x.
  const float sum = 1.0F + x;
  const float whole = log(sum);
  const float corrected = whole * (x / (sum - 1.0F));
  const bool exact = sum > 1e30F || sum == 0.0F;
  return sum == 1.0F ? x : (exact ? whole : corrected);
}

/// 0 below -88.
inline float sigmoid(float x) { return 1.0F / (1.0F + exp(-x)); }

inline float tanh(float x) {
  const float size = abs(x);
  const float large = 1.0F - 2.0F / (exp(2.0F * size) + 1.0F);
  const float z = x * x;
  float p = -5.70498872745e-3F;
  p = p * z + 2.06390887954e-2F;
  p = p * z - 5.37397155531e-2F;
  p = p * z + 1.33314422036e-1F;
  p = p * z - 3.33332819422e-1F;
  const float small = p * z * x + x;
  return size < 0.625F ? small : with_sign(large, x);
}

inline float erf(float x) {
  const float size = abs(x);
  const float z = x * x;
  float p = -5.96761703e-4F;
  p = p * z + 4.99119423e-3F;
  p = p * z - 2.67681349e-2F;
  p = p * z + 1.12819925e-1F;
  p = p * z - 3.76125336e-1F;
  p = p * z + 1.28379166e-1F;
  const float small = p * x + x;
  const float t = size > 4.0F ? 4.0F : size;  // 1 from there on; the series knows no more
  float q = -1.72853470e-5F;
  q = q * t + 3.83197126e-4F;
  q = q * t - 3.88396438e-3F;
  q = q * t + 2.42546219e-2F;
  q = q * t - 1.06777877e-1F;
  q = q * t - 6.34846687e-1F;
  q = q * t - 1.28717512e-1F;
  q = q * t - t;
  const float large = 1.0F - exp(q);
  return size < 0.927734375F ? small : with_sign(large, x);
}

}  // namespace rung::vec
