#pragma once

// The transforms of Winograd kernels on both axes of a tile, for 16 channels at a time.
#include "rung/ops/conv/winograd_axis.h"

namespace rung::onednn {

/// Products of one tile and channel.
template <typename Axis>
inline constexpr int64_t kPlaces = Axis::kInputs* Axis::kInputs;
inline constexpr int64_t kTaps = 9;

/// The pixels that a tile reads, of one block of channels.
template <typename T>
struct Pixels {
  const T* data;
  int64_t line;  ///< elements from one line to the next
};

/// Bᵀ d B, into places `stride` elements apart.
template <typename Axis, typename T>
RUNG_WIDE void transform_input(const Pixels<T>& from, T* to, int64_t stride) {
  constexpr int64_t kInputs = Axis::kInputs;
  __m512 rows[kInputs][kInputs];
#pragma GCC unroll 6
  for (int64_t x = 0; x < kInputs; ++x) {
    __m512 d[kInputs], column[kInputs];
#pragma GCC unroll 6
    for (int64_t y = 0; y < kInputs; ++y) d[y] = load16(from.data + y * from.line + x * kLanes);
    Axis::of_inputs(d, column);
#pragma GCC unroll 6
    for (int64_t y = 0; y < kInputs; ++y) rows[y][x] = column[y];
  }
#pragma GCC unroll 6
  for (int64_t y = 0; y < kInputs; ++y) {
    __m512 places[kInputs];
    Axis::of_inputs(rows[y], places);
#pragma GCC unroll 6
    for (int64_t x = 0; x < kInputs; ++x) store16(to + (kInputs * y + x) * stride, places[x]);
  }
}

/// Aᵀ m A of [places][16] sums.
template <typename Axis>
RUNG_WIDE void transform_products(const float* m, __m512 (&to)[Axis::kOutputs][Axis::kOutputs]) {
  constexpr int64_t kInputs = Axis::kInputs, kOutputs = Axis::kOutputs;
  __m512 rows[kOutputs][kInputs];
#pragma GCC unroll 6
  for (int64_t x = 0; x < kInputs; ++x) {
    __m512 column[kInputs], outputs[kOutputs];
#pragma GCC unroll 6
    for (int64_t y = 0; y < kInputs; ++y) {
      column[y] = _mm512_load_ps(m + (kInputs * y + x) * kLanes);
    }
    Axis::of_products(column, outputs);
#pragma GCC unroll 4
    for (int64_t y = 0; y < kOutputs; ++y) rows[y][x] = outputs[y];
  }
#pragma GCC unroll 4
  for (int64_t y = 0; y < kOutputs; ++y) Axis::of_products(rows[y], to[y]);
}

/// G g Gᵀ of [3][3][16] taps, into places `stride` apart.
template <typename Axis>
RUNG_WIDE void transform_taps(const float* g, float* to, int64_t stride) {
  constexpr int64_t kInputs = Axis::kInputs;
  __m512 rows[3][kInputs];
#pragma GCC unroll 3
  for (int64_t y = 0; y < 3; ++y) {
    const float* row = g + 3 * y * kLanes;
    const __m512 taps[3] = {_mm512_load_ps(row), _mm512_load_ps(row + kLanes),
                            _mm512_load_ps(row + 2 * kLanes)};
    Axis::of_taps(taps, rows[y]);
  }
#pragma GCC unroll 6
  for (int64_t x = 0; x < kInputs; ++x) {
    const __m512 taps[3] = {rows[0][x], rows[1][x], rows[2][x]};
    __m512 column[kInputs];
    Axis::of_taps(taps, column);
#pragma GCC unroll 6
    for (int64_t y = 0; y < kInputs; ++y) {
      _mm512_store_ps(to + (kInputs * y + x) * stride, column[y]);
    }
  }
}

/// Those of some channels and all columns of a group, [channels][kColumns][9][16], as right sides
/// of products, `place` elements apart: [places][channels (in pairs)][32 (× 2)].
template <typename Axis>
RUNG_WIDE void transform_weights(const float* taps, int64_t channels, float* to, int64_t place) {
  for (int64_t i = 0; i < channels * kColumns; ++i) {
    transform_taps<Axis>(taps + i * kTaps * kLanes, to + i * kLanes, place);
  }
}
/// 16 numbers as bf16, each in the lower half of 32 bits.
RUNG_WIDE __m512i bf16_bits(const float* from) {
  return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_load_ps(from)));
}
template <typename Axis>
RUNG_WIDE void transform_weights(const float* taps, int64_t channels, Bf16* to, int64_t place) {
  alignas(64) float values[2][kPlaces<Axis> * kLanes];  // of two channels
  for (int64_t c = 0; c < channels; c += 2) {
    for (int64_t k = 0; k < kColumns; ++k) {
      for (int64_t i = 0; i < 2; ++i) {
        transform_taps<Axis>(taps + ((c + i) * kColumns + k) * kTaps * kLanes, values[i], kLanes);
      }
      for (int64_t p = 0; p < kPlaces<Axis>; ++p) {
        const __m512i odd = _mm512_slli_epi32(bf16_bits(values[1] + p * kLanes), 16);
        _mm512_store_si512(to + p * place + c * kWide + k * 2 * kLanes,
                           _mm512_or_si512(bf16_bits(values[0] + p * kLanes), odd));
      }
    }
  }
}

}  // namespace rung::onednn
