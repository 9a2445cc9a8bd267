#pragma once

// One axis of a Winograd kernel: `kOutputs` outputs of a convolution of three taps, of vectors.
// With the matrices of Lavin and Gray, y = Aᵀ((G g) ∘ (Bᵀ d)); both axes make Aᵀ((G g Gᵀ) ∘ (Bᵀ d
// B))A.
#include "rung/ops/tiles.h"

namespace rung::onednn {

/// F(2, 3): the points 0, 1, -1 and infinity.
struct TwoOutputs {
  static constexpr int64_t kStride = 1, kInputs = 4, kOutputs = 2;

  ///      1  0 -1  0
  /// Bᵀ = 0  1  1  0
  ///      0 -1  1  0
  ///      0  1  0 -1
  RUNG_WIDE static void of_inputs(const __m512 (&d)[4], __m512 (&to)[4]) {
    to[0] = d[0] - d[2];
    to[1] = d[1] + d[2];
    to[2] = d[2] - d[1];
    to[3] = d[1] - d[3];
  }
  ///     1    0   0
  /// G = 1/2  1/2 1/2
  ///     1/2 -1/2 1/2
  ///     0    0   1
  RUNG_WIDE static void of_taps(const __m512 (&g)[3], __m512 (&to)[4]) {
    const __m512 even = (g[0] + g[2]) * 0.5F, odd = g[1] * 0.5F;
    to[0] = g[0];
    to[1] = even + odd;
    to[2] = even - odd;
    to[3] = g[2];
  }
  /// Aᵀ = 1 1  1  0
  ///      0 1 -1 -1
  RUNG_WIDE static void of_products(const __m512 (&m)[4], __m512 (&to)[2]) {
    to[0] = m[0] + m[1] + m[2];
    to[1] = m[1] - m[2] - m[3];
  }
};

/// F(4, 3): the points 0, a, -a, b, -b and infinity with a = 5/8, b = 3/2. Errors are less than
/// half of those of the usual ±1, ±2, and all numbers of Bᵀ and Aᵀ are exact.
struct FourOutputs {
  static constexpr int64_t kStride = 1, kInputs = 6, kOutputs = 4;
  static constexpr float kA = 0.625F, kB = 1.5F, kA2 = kA * kA, kB2 = kB * kB;

  ///      a²b²  0    -a²-b²  0     1  0
  ///      0    -ab²  -b²     a     1  0
  /// Bᵀ = 0     ab²  -b²    -a     1  0
  ///      0    -a²b  -a²     b     1  0
  ///      0     a²b  -a²    -b     1  0
  ///      0     a²b²  0     -a²-b² 0  1
  RUNG_WIDE static void of_inputs(const __m512 (&d)[6], __m512 (&to)[6]) {
    const __m512 even_a = d[4] - kB2 * d[2], odd_a = kA * (d[3] - kB2 * d[1]);
    const __m512 even_b = d[4] - kA2 * d[2], odd_b = d[3] - kA2 * d[1];
    to[0] = even_b - kB2 * (d[2] - kA2 * d[0]);
    to[1] = even_a + odd_a;
    to[2] = even_a - odd_a;
    to[3] = even_b + kB * odd_b;
    to[4] = even_b - kB * odd_b;
    to[5] = (d[5] - kA2 * d[3]) - kB2 * odd_b;
  }
  ///     1/a²b²  0     0
  ///     p       pa    pa²
  /// G = p      -pa    pa²    p = 1 / 2a²(a²-b²), q = 1 / 2b²(b²-a²)
  ///     q       qb    qb²
  ///     q      -qb    qb²
  ///     0       0     1
  RUNG_WIDE static void of_taps(const __m512 (&g)[3], __m512 (&to)[6]) {
    constexpr float kP = 0.5F / (kA2 * (kA2 - kB2)), kQ = 0.5F / (kB2 * (kB2 - kA2));
    const __m512 even_a = kP * (g[0] + kA2 * g[2]), odd_a = (kP * kA) * g[1];
    const __m512 even_b = kQ * (g[0] + kB2 * g[2]), odd_b = (kQ * kB) * g[1];
    to[0] = (1 / (kA2 * kB2)) * g[0];
    to[1] = even_a + odd_a;
    to[2] = even_a - odd_a;
    to[3] = even_b + odd_b;
    to[4] = even_b - odd_b;
    to[5] = g[2];
  }
  ///      1  1   1   1   1   0
  /// Aᵀ = 0  a  -a   b  -b   0
  ///      0  a²  a²  b²  b²  0
  ///      0  a³ -a³  b³ -b³  1
  RUNG_WIDE static void of_products(const __m512 (&m)[6], __m512 (&to)[4]) {
    const __m512 even_a = m[1] + m[2], odd_a = m[1] - m[2];
    const __m512 even_b = m[3] + m[4], odd_b = m[3] - m[4];
    to[0] = m[0] + even_a + even_b;
    to[1] = kA * odd_a + kB * odd_b;
    to[2] = kA2 * even_a + kB2 * even_b;
    to[3] = (kA2 * kA) * odd_a + (kB2 * kB) * odd_b + m[5];
  }
};

/// Two outputs of stride 2: F(2, 2) of the even inputs with the outer taps (points 0, 1, infinity),
/// and a product of each odd input with the middle one.
struct TwoOfStride2 {
  static constexpr int64_t kStride = 2, kInputs = 5, kOutputs = 2;

  RUNG_WIDE static void of_inputs(const __m512 (&d)[5], __m512 (&to)[5]) {
    to[0] = d[0] - d[2];
    to[1] = d[2];
    to[2] = d[4] - d[2];
    to[3] = d[1];
    to[4] = d[3];
  }
  RUNG_WIDE static void of_taps(const __m512 (&g)[3], __m512 (&to)[5]) {
    to[0] = g[0];
    to[1] = g[0] + g[2];
    to[2] = g[2];
    to[3] = to[4] = g[1];
  }
  RUNG_WIDE static void of_products(const __m512 (&m)[5], __m512 (&to)[2]) {
    to[0] = m[0] + m[1] + m[3];
    to[1] = m[1] + m[2] + m[4];
  }
};

}  // namespace rung::onednn
