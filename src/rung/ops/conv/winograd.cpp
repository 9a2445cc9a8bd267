#include <fmt/format.h>
#include <omp.h>

#include <array>

#include "rung/base/error.h"
#include "rung/ops/conv/our_ways.h"
#include "rung/ops/tiles.h"

namespace rung::onednn {
namespace {

constexpr int64_t kCache = 768 * 1024;  // bytes of transformed inputs that stay near

/// One axis: two outputs, three taps, and as many places as inputs are read. Of floats and vectors.
template <int64_t kStride>
struct Axis;
template <>
struct Axis<1> {
  static constexpr int64_t kInputs = 4;
  template <typename V>
  RUNG_WIDE static void of_inputs(const V (&d)[4], V (&to)[4]) {
    to[0] = d[0] - d[2];
    to[1] = d[1] + d[2];
    to[2] = d[2] - d[1];
    to[3] = d[1] - d[3];
  }
  static void of_taps(const float (&g)[3], float (&to)[4]) {
    to[0] = g[0];
    to[1] = (g[0] + g[1] + g[2]) / 2;
    to[2] = (g[0] - g[1] + g[2]) / 2;
    to[3] = g[2];
  }
  template <typename V>
  RUNG_WIDE static void of_products(const V (&m)[4], V (&to)[2]) {
    to[0] = m[0] + m[1] + m[2];
    to[1] = m[1] - m[2] - m[3];
  }
};
template <>
struct Axis<2> {
  static constexpr int64_t kInputs = 5;
  template <typename V>
  RUNG_WIDE static void of_inputs(const V (&d)[5], V (&to)[5]) {
    to[0] = d[0] - d[2];
    to[1] = d[2];
    to[2] = d[4] - d[2];
    to[3] = d[1];
    to[4] = d[3];
  }
  static void of_taps(const float (&g)[3], float (&to)[5]) {
    to[0] = g[0];
    to[1] = g[0] + g[2];
    to[2] = g[2];
    to[3] = to[4] = g[1];
  }
  template <typename V>
  RUNG_WIDE static void of_products(const V (&m)[5], V (&to)[2]) {
    to[0] = m[0] + m[1] + m[3];
    to[1] = m[1] + m[2] + m[4];
  }
};
template <int64_t kStride>
inline constexpr int64_t kPlaces = Axis<kStride>::kInputs* Axis<kStride>::kInputs;

/// Sizes that all parts of the kernel share.
struct Sizes3x3 {
  int64_t images, in_blocks, out_blocks, height, width, out_height, out_width, pad;
  int64_t tiles_y, tiles_x, tiles;
  int64_t column_groups;  ///< of kColumns blocks
  bool sum, relu;
  int64_t channels() const { return in_blocks * kLanes; }
};

Sizes3x3 sizes_of(const BlockedConv& p) {
  Sizes3x3 s{};
  s.images = p.x[0];
  s.in_blocks = channel_blocks(p.x[1]);
  s.out_blocks = channel_blocks(p.outputs);
  s.height = p.x[2];
  s.width = p.x[3];
  s.pad = p.pad;
  s.out_height = (s.height + 2 * p.pad - 3) / p.stride + 1;
  s.out_width = (s.width + 2 * p.pad - 3) / p.stride + 1;
  s.tiles_y = (s.out_height + 1) / 2;
  s.tiles_x = (s.out_width + 1) / 2;
  s.tiles = s.images * s.tiles_y * s.tiles_x;
  s.column_groups = column_groups(p.outputs);
  s.sum = p.sum;
  s.relu = p.relu;
  return s;
}

/// Bᵀ d B of one tile and block of channels, into places `stride` elements apart.
template <int64_t kStride, typename T>
RUNG_WIDE void transform_input(const Sizes3x3& s, const T* plane, int64_t y0, int64_t x0, T* to,
                               int64_t stride) {
  constexpr int64_t kInputs = Axis<kStride>::kInputs;
  __m512 rows[kInputs][kInputs];
  for (int64_t x = 0; x < kInputs; ++x) {
    __m512 d[kInputs], column[kInputs];
    for (int64_t y = 0; y < kInputs; ++y) {
      const int64_t v = y0 + y, u = x0 + x;
      const bool inside = v >= 0 && v < s.height && u >= 0 && u < s.width;
      d[y] = inside ? load16(plane + (v * s.width + u) * kLanes) : _mm512_setzero_ps();
    }
    Axis<kStride>::of_inputs(d, column);
    for (int64_t y = 0; y < kInputs; ++y) rows[y][x] = column[y];
  }
  for (int64_t y = 0; y < kInputs; ++y) {
    __m512 places[kInputs];
    Axis<kStride>::of_inputs(rows[y], places);
    for (int64_t x = 0; x < kInputs; ++x) store16(to + (kInputs * y + x) * stride, places[x]);
  }
}

/// Aᵀ m A of one tile and block, bias and posts, into the map; what lies outside is left out.
template <int64_t kStride, typename T>
RUNG_WIDE void transform_output(const Sizes3x3& s, const float* m, int64_t stride, __m512 bias,
                                T* plane, int64_t y0, int64_t x0) {
  constexpr int64_t kInputs = Axis<kStride>::kInputs;
  __m512 rows[2][kInputs];
  for (int64_t x = 0; x < kInputs; ++x) {
    __m512 column[kInputs], pair[2];
    for (int64_t y = 0; y < kInputs; ++y) {
      column[y] = _mm512_load_ps(m + (kInputs * y + x) * stride);
    }
    Axis<kStride>::of_products(column, pair);
    rows[0][x] = pair[0];
    rows[1][x] = pair[1];
  }
  for (int64_t y = 0; y < 2 && y0 + y < s.out_height; ++y) {
    __m512 pair[2];
    Axis<kStride>::of_products(rows[y], pair);
    for (int64_t x = 0; x < 2 && x0 + x < s.out_width; ++x) {
      T* to = plane + ((y0 + y) * s.out_width + x0 + x) * kLanes;
      finish(to, _mm512_add_ps(pair[x], bias), s.sum, s.relu);
    }
  }
}

struct Tile {
  int64_t image, y, x;  ///< of the output's corner
};
RUNG_WIDE Tile tile_at(const Sizes3x3& s, int64_t i) {
  const int64_t row = i / s.tiles_x;
  return {row / s.tiles_y, row % s.tiles_y * 2, i % s.tiles_x * 2};
}

/// One run of the kernel.
template <int64_t kStride, typename T>
struct Run {
  const Sizes3x3& s;
  const T* x;
  const T* weights;  ///< [column group][places][C (in pairs)][32 (× 2)]
  const float* bias;
  T* y;

  /// Tiles first … first + count of some blocks of channels, as [places][count] rows.
  RUNG_WIDE void transform(int64_t first, int64_t count, int64_t begin, int64_t end, T* u) const {
    const int64_t stride = row_stride<T>(s.channels());
    for (int64_t i = 0; i < count; ++i) {
      const Tile tile = tile_at(s, first + i);
      for (int64_t b = begin; b < end; ++b) {
        const T* plane = x + (tile.image * s.in_blocks + b) * s.height * s.width * kLanes;
        transform_input<kStride>(s, plane, tile.y * kStride - s.pad, tile.x * kStride - s.pad,
                                 u + i * stride + b * kLanes, count * stride);
      }
    }
  }

  /// One group of output channels of those tiles. `m` has room for places · kRows · 32 sums.
  RUNG_WIDE void columns(int64_t group, int64_t first, int64_t count, const T* u, float* m) const {
    const T* b = weights + group * kPlaces<kStride> * s.channels() * kWide;
    const int64_t blocks_here = std::min(kColumns, s.out_blocks - group * kColumns);
    const int64_t step = rows_at_a_time(count), stride = row_stride<T>(s.channels());
    for (int64_t i = 0; i < count; i += step) {
      const int64_t rows = std::min(step, count - i);
      for (int64_t place = 0; place < kPlaces<kStride>; ++place) {
        const LeftSide<T> left{.data = u + (place * count + i) * stride,
                               .row = stride,
                               .block = kLanes,
                               .blocks = s.in_blocks};
        multiply(left, b + place * s.channels() * kWide, m + place * kRows * kWide, rows);
      }
      for (int64_t r = 0; r < rows; ++r) {
        const Tile tile = tile_at(s, first + i + r);
        for (int64_t k = 0; k < blocks_here; ++k) {
          const int64_t block = group * kColumns + k;
          T* plane = y + (tile.image * s.out_blocks + block) * s.out_height * s.out_width * kLanes;
          const __m512 shift = _mm512_loadu_ps(bias + block * kLanes);
          transform_output<kStride>(s, m + r * kWide + k * kLanes, kRows * kWide, shift, plane,
                                    tile.y, tile.x);
        }
      }
    }
  }
};

/// Sums of one group of columns, of a thread.
template <int64_t kStride>
inline constexpr int64_t kSumBytes =
    kPlaces<kStride>* kRows* kWide* static_cast<int64_t>(sizeof(float));

template <int64_t kStride>
Cut cut_of(const Sizes3x3& s, int64_t element) {
  const int64_t per_tile = kPlaces<kStride> * (s.channels() * element + 64);  // row_stride
  Cut cut{.row_bytes = per_tile, .threads = omp_get_max_threads()};
  // Sharing columns needs some for each thread.
  cut.shared = s.tiles * per_tile <= kCache * cut.threads && s.column_groups >= cut.threads;
  const int64_t most = std::max(kRows, kCache / 2 / per_tile / kRows * kRows);
  cut.chunk = cut.shared ? s.tiles : even_chunk(s.tiles, most, cut.threads);
  return cut;
}

template <int64_t kStride, typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void transform_part(const Run<kStride, T>& run,
                                                                       int64_t first, int64_t count,
                                                                       int64_t begin, int64_t end,
                                                                       T* u) {
  run.transform(first, count, begin, end, u);
}
template <int64_t kStride, typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void column_part(const Run<kStride, T>& run,
                                                                    int64_t group, int64_t first,
                                                                    int64_t count, const T* u,
                                                                    float* m) {
  run.columns(group, first, count, u, m);
}

template <int64_t kStride, typename T>
Kernel winograd_kernel(const Sizes3x3& s, const Cut& cut, size_t first) {
  return [=](const Pointers& at) {
    const Run<kStride, T> run{
        s, reinterpret_cast<const T*>(at.in[0]), reinterpret_cast<const T*>(at.in[first]),
        reinterpret_cast<const float*>(at.in[first + 1]), reinterpret_cast<T*>(at.out[0])};
    std::byte* sums = at.scratch + cut.scratch();
    run_cut<T>(
        cut, at.scratch, s.tiles, s.in_blocks, s.column_groups,
        [&](auto... part) { transform_part(run, part...); },
        [&](int64_t group, int64_t begin, int64_t count, const T* u, int64_t worker) {
          column_part(run, group, begin, count, u,
                      reinterpret_cast<float*>(sums + worker * kSumBytes<kStride>));
        });
  };
}

/// G g Gᵀ for one pair of channels.
template <int64_t kStride>
std::array<float, kPlaces<kStride>> transformed(const float* g) {
  constexpr int64_t kInputs = Axis<kStride>::kInputs;
  float rows[3][kInputs];  // of the taps' rows, transformed along x
  for (int64_t y = 0; y < 3; ++y) {
    Axis<kStride>::of_taps({g[3 * y], g[3 * y + 1], g[3 * y + 2]}, rows[y]);
  }
  std::array<float, kPlaces<kStride>> to{};
  for (int64_t x = 0; x < kInputs; ++x) {
    float column[kInputs];
    Axis<kStride>::of_taps({rows[0][x], rows[1][x], rows[2][x]}, column);
    for (int64_t y = 0; y < kInputs; ++y) to[static_cast<size_t>(kInputs * y + x)] = column[y];
  }
  return to;
}

/// The weights [O, C, 3, 3] as Run reads them.
template <int64_t kStride, typename T>
Tensor packed_weights(const Sizes3x3& s, const Tensor& weight) {
  constexpr int64_t kCount = kPlaces<kStride>;
  const int64_t count = s.column_groups * kCount * s.channels() * kWide;
  const auto bytes = count * static_cast<int64_t>(sizeof(T));
  Tensor packed(DType::kU8, {bytes}, aligned_memory(bytes));
  auto* to = reinterpret_cast<T*>(packed.data());
  const auto from = weight.as<float>();
  const int64_t outputs = weight.shape()[0], channels = weight.shape()[1];
  parallel_for(s.column_groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      for (int64_t c = 0; c < s.channels(); ++c) {
        for (int64_t o = 0; o < kWide; ++o) {
          const int64_t output = group * kWide + o;
          std::array<float, kCount> values{};
          if (output < outputs && c < channels) {
            values = transformed<kStride>(from.data() + (output * channels + c) * 9);
          }
          for (int64_t place = 0; place < kCount; ++place) {
            store(to + (group * kCount + place) * s.channels() * kWide + packed_place<T>(c, o),
                  values[static_cast<size_t>(place)]);
          }
        }
      }
    }
  });
  return packed;
}

template <int64_t kStride, typename T>
Way way_of(LowerCall& call, const BlockedConv& problem, const Tensor& weight, size_t first) {
  const Sizes3x3 s = sizes_of(problem);
  const Cut cut = cut_of<kStride>(s, size_of(problem.dtype));
  const std::string how = fmt::format("{} / {}, {}", kWinogradWay, kStride, name(problem.dtype));
  return {.name = std::string(kWinogradWay),
          .kernel = winograd_kernel<kStride, T>(s, cut, first),
          .scratch = cut.scratch() + cut.threads * kSumBytes<kStride>,
          .constants = {
              call.prepared(weight, how, [&] { return packed_weights<kStride, T>(s, weight); }),
              call.constant(filled_bias(problem.bias, problem.outputs))}};
}

}  // namespace

Way winograd_way(LowerCall& call, const BlockedConv& problem, const Tensor& weight, size_t first) {
  if (problem.dtype == DType::kBF16) {
    return problem.stride == 1 ? way_of<1, Bf16>(call, problem, weight, first)
                               : way_of<2, Bf16>(call, problem, weight, first);
  }
  return problem.stride == 1 ? way_of<1, float>(call, problem, weight, first)
                             : way_of<2, float>(call, problem, weight, first);
}

}  // namespace rung::onednn
