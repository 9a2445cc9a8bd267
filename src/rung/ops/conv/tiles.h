#pragma once

// Products of a few rows with two blocks of output channels, for AVX-512: what our convolutions on
// blocked maps are made of. For files whose functions run behind has_tiles().
#include <immintrin.h>

#include "rung/ops/kernel.h"

#define RUNG_WIDE_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"
#define RUNG_WIDE __attribute__((target(RUNG_WIDE_TARGET), always_inline)) inline

namespace rung::onednn {

inline constexpr int64_t kLanes = 16;   // channels of a block
inline constexpr int64_t kColumns = 2;  // blocks of output channels at a time
inline constexpr int64_t kRows = 12;    // rows at a time: 24 sums fill the registers
inline constexpr int64_t kWide = kColumns * kLanes;

/// Whether this CPU can run them. (They are compiled for both types with instructions of bf16.)
bool has_tiles(DType dtype);

inline int64_t blocks(int64_t channels) { return (channels + kLanes - 1) / kLanes; }

/// How many rows at a time, so that the last ones are no fewer: 16 are 8 and 8, not 12 and 4.
inline int64_t rows_at_a_time(int64_t count) {
  const int64_t groups = (count + kRows - 1) / kRows;
  return groups == 0 ? 1 : (count + groups - 1) / groups;
}

RUNG_WIDE __m512 load16(const float* p) { return _mm512_loadu_ps(p); }
RUNG_WIDE __m512 load16(const Bf16* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
RUNG_WIDE void store16(float* p, __m512 v) { _mm512_storeu_ps(p, v); }
RUNG_WIDE void store16(Bf16* p, __m512 v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(v));
}

/// Between two rows of a left side: a line more than there are channels, since rows at powers of
/// two would push each other out of the first cache.
template <typename T>
inline int64_t row_stride(int64_t channels) {
  return channels + 64 / static_cast<int64_t>(sizeof(T));
}

/// Sums of kR rows and kColumns blocks over all channels. f32: one channel at a time.
template <int64_t kR>
RUNG_WIDE void multiply(const float* a, int64_t stride, const float* b, int64_t channels,
                        float* c) {
  __m512 sums[kR][kColumns];
  for (auto& row : sums) {
    for (auto& sum : row) sum = _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < channels; ++k) {
    const __m512 b0 = _mm512_load_ps(b), b1 = _mm512_load_ps(b + kLanes);
    b += kColumns * kLanes;
#pragma GCC unroll 12
    for (int64_t r = 0; r < kR; ++r) {
      const __m512 x = _mm512_set1_ps(a[r * stride + k]);
      sums[r][0] = _mm512_fmadd_ps(x, b0, sums[r][0]);
      sums[r][1] = _mm512_fmadd_ps(x, b1, sums[r][1]);
    }
  }
#pragma GCC unroll 12
  for (int64_t r = 0; r < kR; ++r) {
    _mm512_store_ps(c + r * kColumns * kLanes, sums[r][0]);
    _mm512_store_ps(c + r * kColumns * kLanes + kLanes, sums[r][1]);
  }
}

/// bf16: two channels at a time, side by side in memory.
template <int64_t kR>
RUNG_WIDE void multiply(const Bf16* a, int64_t stride, const Bf16* b, int64_t channels, float* c) {
  __m512 sums[kR][kColumns];
  for (auto& row : sums) {
    for (auto& sum : row) sum = _mm512_setzero_ps();
  }
  const auto* pairs = reinterpret_cast<const int32_t*>(a);
  for (int64_t k = 0; k < channels / 2; ++k) {
    const auto b0 = (__m512bh)_mm512_load_si512(b);
    const auto b1 = (__m512bh)_mm512_load_si512(b + 2 * kLanes);
    b += 2 * kColumns * kLanes;
#pragma GCC unroll 12
    for (int64_t r = 0; r < kR; ++r) {
      const auto x = (__m512bh)_mm512_set1_epi32(pairs[r * (stride / 2) + k]);
      sums[r][0] = _mm512_dpbf16_ps(sums[r][0], x, b0);
      sums[r][1] = _mm512_dpbf16_ps(sums[r][1], x, b1);
    }
  }
#pragma GCC unroll 12
  for (int64_t r = 0; r < kR; ++r) {
    _mm512_store_ps(c + r * kColumns * kLanes, sums[r][0]);
    _mm512_store_ps(c + r * kColumns * kLanes + kLanes, sums[r][1]);
  }
}

/// The same, the left side as it lies in a blocked map: kR neighbouring pixels, the next block of
/// channels `plane` elements on.
template <int64_t kR>
RUNG_WIDE void multiply_map(const float* a, int64_t plane, const float* b, int64_t count,
                            float* c) {
  __m512 sums[kR][kColumns];
  for (auto& row : sums) {
    for (auto& sum : row) sum = _mm512_setzero_ps();
  }
  for (int64_t block = 0; block < count; ++block, a += plane) {
    for (int64_t k = 0; k < kLanes; ++k) {
      const __m512 b0 = _mm512_load_ps(b), b1 = _mm512_load_ps(b + kLanes);
      b += kWide;
#pragma GCC unroll 12
      for (int64_t r = 0; r < kR; ++r) {
        const __m512 x = _mm512_set1_ps(a[r * kLanes + k]);
        sums[r][0] = _mm512_fmadd_ps(x, b0, sums[r][0]);
        sums[r][1] = _mm512_fmadd_ps(x, b1, sums[r][1]);
      }
    }
  }
#pragma GCC unroll 12
  for (int64_t r = 0; r < kR; ++r) {
    _mm512_store_ps(c + r * kWide, sums[r][0]);
    _mm512_store_ps(c + r * kWide + kLanes, sums[r][1]);
  }
}
template <int64_t kR>
RUNG_WIDE void multiply_map(const Bf16* a, int64_t plane, const Bf16* b, int64_t count, float* c) {
  __m512 sums[kR][kColumns];
  for (auto& row : sums) {
    for (auto& sum : row) sum = _mm512_setzero_ps();
  }
  for (int64_t block = 0; block < count; ++block, a += plane) {
    const auto* pairs = reinterpret_cast<const int32_t*>(a);
    for (int64_t k = 0; k < kLanes / 2; ++k) {
      const auto b0 = (__m512bh)_mm512_load_si512(b);
      const auto b1 = (__m512bh)_mm512_load_si512(b + 2 * kLanes);
      b += 2 * kWide;
#pragma GCC unroll 12
      for (int64_t r = 0; r < kR; ++r) {
        const auto x = (__m512bh)_mm512_set1_epi32(pairs[r * (kLanes / 2) + k]);
        sums[r][0] = _mm512_dpbf16_ps(sums[r][0], x, b0);
        sums[r][1] = _mm512_dpbf16_ps(sums[r][1], x, b1);
      }
    }
  }
#pragma GCC unroll 12
  for (int64_t r = 0; r < kR; ++r) {
    _mm512_store_ps(c + r * kWide, sums[r][0]);
    _mm512_store_ps(c + r * kWide + kLanes, sums[r][1]);
  }
}
template <typename T, int64_t kR = kRows>
RUNG_WIDE void multiply_map_rest(const T* a, int64_t plane, const T* b, int64_t count, float* c,
                                 int64_t rows) {
  if constexpr (kR > 0) {
    if (rows == kR) return multiply_map<kR>(a, plane, b, count, c);
    multiply_map_rest<T, kR - 1>(a, plane, b, count, c, rows);
  }
}

/// The same for a number of tiles that is known at run time alone.
template <typename T, int64_t kR = kRows>
RUNG_WIDE void multiply_rest(const T* a, int64_t stride, const T* b, int64_t channels, float* c,
                             int64_t rows) {
  if constexpr (kR > 0) {
    if (rows == kR) return multiply<kR>(a, stride, b, channels, c);
    multiply_rest<T, kR - 1>(a, stride, b, channels, c, rows);
  }
}

RUNG_WIDE __m512 positive(__m512 v) {
  // NaN stays: a maximum gives its second operand then.
  return _mm512_max_ps(_mm512_setzero_ps(), v);
}

/// A weight of `row` and `column` of one product, [row][32], neighbouring rows side by side in
/// bf16.
template <typename T>
inline int64_t packed_place(int64_t row, int64_t column) {
  constexpr int64_t kPair = sizeof(T) == 2 ? 2 : 1;
  return (row / kPair * kWide + column) * kPair + row % kPair;
}

/// A weight [O, C, 1…] as [column group][C][32], filled up with zeros.
template <typename T>
Tensor packed_columns(const Tensor& weight) {
  const int64_t outputs = weight.shape()[0], channels = weight.shape()[1];
  const int64_t groups = (blocks(outputs) + kColumns - 1) / kColumns;
  const int64_t filled = blocks(channels) * kLanes;
  const int64_t bytes = groups * filled * kWide * static_cast<int64_t>(sizeof(T));
  Tensor packed(DType::kU8, {bytes}, aligned_memory(bytes));
  auto* to = reinterpret_cast<T*>(packed.data());
  const auto from = weight.as<float>();
  for (int64_t i = 0; i < groups * kWide; ++i) {
    for (int64_t c = 0; c < filled; ++c) {
      const bool there = i < outputs && c < channels;
      store(to + i / kWide * filled * kWide + packed_place<T>(c, i % kWide),
            there ? from[static_cast<size_t>(i * channels + c)] : 0.0F);
    }
  }
  return packed;
}

/// One number per output channel, filled up to whole groups; zeros where there is none.
inline Tensor filled_bias(const Tensor& bias, int64_t outputs) {
  Tensor filled(DType::kF32, {(blocks(outputs) + kColumns - 1) / kColumns * kWide});
  for (int64_t o = 0; o < outputs && bias.defined(); ++o) filled.set(o, bias.at(o));
  return filled;
}

}  // namespace rung::onednn
