#pragma once

// Vectors of 16, and products of a few rows with two blocks of output channels, for AVX-512: what
// our convolutions on blocked maps and cells are made of. For files whose functions run behind
// has_tiles().
#include <immintrin.h>

#include "rung/ops/kernel.h"

#define RUNG_WIDE_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"
#define RUNG_WIDE __attribute__((target(RUNG_WIDE_TARGET), always_inline)) inline

namespace rung::onednn {

inline constexpr int64_t kLanes = 16;   // channels of a block
inline constexpr int64_t kColumns = 2;  // blocks of output channels at a time
inline constexpr int64_t kRows = 12;    // rows at a time: 24 sums fill the registers
inline constexpr int64_t kWide = kColumns * kLanes;

/// Groups of kColumns blocks.
inline int64_t column_groups(int64_t outputs) {
  return (channel_blocks(outputs) + kColumns - 1) / kColumns;
}

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

/// sum += the next channels of a row · those of 16 columns: one of f32, two of bf16, which lie side
/// by side. kChannels<T> says how many.
template <typename T>
inline constexpr int64_t kChannels = sizeof(T) == 2 ? 2 : 1;
RUNG_WIDE void add_product(__m512& sum, const float* a, const float* b) {
  sum = _mm512_fmadd_ps(_mm512_set1_ps(*a), _mm512_load_ps(b), sum);
}
RUNG_WIDE void add_product(__m512& sum, const Bf16* a, const Bf16* b) {
  const auto pair = (__m512bh)_mm512_set1_epi32(*reinterpret_cast<const int32_t*>(a));
  sum = _mm512_dpbf16_ps(sum, pair, (__m512bh)_mm512_load_si512(b));
}

/// The left side of a product: rows `row` elements apart, each of `blocks` blocks of channels that
/// are `block` elements apart.
template <typename T>
struct LeftSide {
  const T* data;
  int64_t row, block, blocks;
};

/// Where the sums of a product go: rows `row` and blocks of 16 columns `column` elements apart.
struct Sums {
  float* data;
  int64_t row = kWide, column = kLanes;
  bool more = false;  ///< they are added to what is there
};

/// The sums over all channels of kR rows and 32 packed columns.
template <int64_t kR, typename T>
RUNG_WIDE void multiply(const LeftSide<T>& left, const T* b, const Sums& c) {
  __m512 sums[kR][kColumns];
#pragma GCC unroll 12
  for (int64_t r = 0; r < kR; ++r) {
    const float* from = c.data + r * c.row;
    sums[r][0] = c.more ? _mm512_load_ps(from) : _mm512_setzero_ps();
    sums[r][1] = c.more ? _mm512_load_ps(from + c.column) : _mm512_setzero_ps();
  }
  const T* a = left.data;
  for (int64_t block = 0; block < left.blocks; ++block, a += left.block) {
    for (int64_t k = 0; k < kLanes; k += kChannels<T>, b += kChannels<T> * kWide) {
#pragma GCC unroll 12
      for (int64_t r = 0; r < kR; ++r) {
        add_product(sums[r][0], a + r * left.row + k, b);
        add_product(sums[r][1], a + r * left.row + k, b + kChannels<T> * kLanes);
      }
    }
  }
#pragma GCC unroll 12
  for (int64_t r = 0; r < kR; ++r) {
    _mm512_store_ps(c.data + r * c.row, sums[r][0]);
    _mm512_store_ps(c.data + r * c.row + c.column, sums[r][1]);
  }
}
/// The same for 1 to kRows rows.
template <typename T, int64_t kR = kRows>
RUNG_WIDE void multiply(const LeftSide<T>& left, const T* b, const Sums& c, int64_t rows) {
  if constexpr (kR > 0) {
    if (rows == kR) return multiply<kR>(left, b, c);
    multiply<T, kR - 1>(left, b, c, rows);
  }
}

RUNG_WIDE __m512 positive(__m512 v) {
  // NaN stays: a maximum gives its second operand then.
  return _mm512_max_ps(_mm512_setzero_ps(), v);
}

/// What stands behind a product: v, with what is there already, positive, into its place.
template <typename T>
RUNG_WIDE void finish(T* to, __m512 v, bool sum, bool relu) {
  if (sum) v = _mm512_add_ps(v, load16(to));
  if (relu) v = positive(v);
  store16(to, v);
}

/// A weight of `row` and `column` of one product, [row][32], neighbouring rows side by side in
/// bf16.
template <typename T>
inline int64_t packed_place(int64_t row, int64_t column) {
  constexpr int64_t kNext = kChannels<T>;
  return (row / kNext * kWide + column) * kNext + row % kNext;
}

/// A weight [O, C, 1…] as [column group][C][32], filled up with zeros.
template <typename T>
Tensor packed_columns(const Tensor& weight) {
  const int64_t outputs = weight.shape()[0], channels = weight.shape()[1];
  const int64_t groups = column_groups(outputs);
  const int64_t filled = channel_blocks(channels) * kLanes;
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
  Tensor filled(DType::kF32, {column_groups(outputs) * kWide});
  for (int64_t o = 0; o < outputs && bias.defined(); ++o) filled.set(o, bias.at(o));
  return filled;
}

/// How a product of prepared rows is cut: all rows at once, and threads share the columns, so that
/// weights are read once; or, where the rows would leave the cache, chunks of them that threads do
/// alone.
struct Cut {
  bool shared = true;
  int64_t chunk = 0;      ///< rows
  int64_t row_bytes = 0;  ///< in scratch memory
  int64_t threads = 1;
  int64_t room() const { return (chunk * row_bytes + 63) / 64 * 64; }
  int64_t scratch() const { return (shared ? 1 : threads) * room(); }
};

/// Chunks of at most `most` rows, as many and about as large for each thread.
inline int64_t even_chunk(int64_t rows, int64_t most, int64_t threads) {
  const int64_t pieces = (rows + most * threads - 1) / (most * threads) * threads;
  return std::max<int64_t>(1, (rows + pieces - 1) / std::max<int64_t>(pieces, 1));
}

/// Runs prepare(first, count, begin, end, u), which writes blocks begin … end of the channels of
/// some rows, then columns(group, first, count, u, worker), for all of `rows` and `groups`.
template <typename T, typename Prepare, typename Columns>
void run_cut(const Cut& cut, std::byte* scratch, int64_t rows, int64_t in_blocks, int64_t groups,
             const Prepare& prepare, const Columns& columns) {
  if (cut.shared) {
    auto* u = reinterpret_cast<T*>(scratch);
    parallel_for(in_blocks, 1,
                 [&](int64_t begin, int64_t end) { prepare(0, rows, begin, end, u); });
    parallel_for(groups, 1, [&](int64_t begin, int64_t end, int64_t worker) {
      for (int64_t g = begin; g < end; ++g) columns(g, 0, rows, u, worker);
    });
    return;
  }
  parallel_for(
      (rows + cut.chunk - 1) / cut.chunk, 1, [&](int64_t begin, int64_t end, int64_t worker) {
        auto* u = reinterpret_cast<T*>(scratch + worker * cut.room());
        for (int64_t chunk = begin; chunk < end; ++chunk) {
          const int64_t first = chunk * cut.chunk, count = std::min(cut.chunk, rows - first);
          prepare(first, count, 0, in_blocks, u);
          for (int64_t g = 0; g < groups; ++g) columns(g, first, count, u, worker);
        }
      });
}

}  // namespace rung::onednn
