#include <fmt/format.h>
#include <omp.h>

#include <array>

#include "rung/base/error.h"
#include "rung/ops/conv/our_ways.h"
#include "rung/ops/tiles.h"

namespace rung::onednn {
namespace {

constexpr int64_t kPlaces = 16;         // of a transformed tile, 4×4
constexpr int64_t kCache = 768 * 1024;  // bytes of transformed inputs that stay near

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
  s.out_height = s.height + 2 * p.pad - 2;
  s.out_width = s.width + 2 * p.pad - 2;
  s.tiles_y = (s.out_height + 1) / 2;
  s.tiles_x = (s.out_width + 1) / 2;
  s.tiles = s.images * s.tiles_y * s.tiles_x;
  s.column_groups = column_groups(p.outputs);
  s.sum = p.sum;
  s.relu = p.relu;
  return s;
}

/// Bᵀ d B of one tile and block of channels, into places `stride` elements apart.
template <typename T>
RUNG_WIDE void transform_input(const Sizes3x3& s, const T* plane, int64_t y0, int64_t x0, T* to,
                               int64_t stride) {
  __m512 rows[4][4];
  for (int64_t x = 0; x < 4; ++x) {
    __m512 d[4];
    for (int64_t y = 0; y < 4; ++y) {
      const int64_t v = y0 + y, u = x0 + x;
      const bool inside = v >= 0 && v < s.height && u >= 0 && u < s.width;
      d[y] = inside ? load16(plane + (v * s.width + u) * kLanes) : _mm512_setzero_ps();
    }
    rows[0][x] = _mm512_sub_ps(d[0], d[2]);
    rows[1][x] = _mm512_add_ps(d[1], d[2]);
    rows[2][x] = _mm512_sub_ps(d[2], d[1]);
    rows[3][x] = _mm512_sub_ps(d[1], d[3]);
  }
  for (int64_t y = 0; y < 4; ++y) {
    const auto& r = rows[y];
    store16(to + (4 * y + 0) * stride, _mm512_sub_ps(r[0], r[2]));
    store16(to + (4 * y + 1) * stride, _mm512_add_ps(r[1], r[2]));
    store16(to + (4 * y + 2) * stride, _mm512_sub_ps(r[2], r[1]));
    store16(to + (4 * y + 3) * stride, _mm512_sub_ps(r[1], r[3]));
  }
}

/// Aᵀ m A of one tile and block, bias and posts, into the map; what lies outside is left out.
template <typename T>
RUNG_WIDE void transform_output(const Sizes3x3& s, const float* m, int64_t stride, __m512 bias,
                                T* plane, int64_t y0, int64_t x0) {
  __m512 rows[2][4];
  for (int64_t x = 0; x < 4; ++x) {
    const __m512 m0 = _mm512_load_ps(m + x * stride), m1 = _mm512_load_ps(m + (4 + x) * stride);
    const __m512 m2 = _mm512_load_ps(m + (8 + x) * stride);
    const __m512 m3 = _mm512_load_ps(m + (12 + x) * stride);
    rows[0][x] = _mm512_add_ps(_mm512_add_ps(m0, m1), m2);
    rows[1][x] = _mm512_sub_ps(_mm512_sub_ps(m1, m2), m3);
  }
  for (int64_t y = 0; y < 2 && y0 + y < s.out_height; ++y) {
    const auto& r = rows[y];
    const __m512 pair[2] = {_mm512_add_ps(_mm512_add_ps(r[0], r[1]), r[2]),
                            _mm512_sub_ps(_mm512_sub_ps(r[1], r[2]), r[3])};
    for (int64_t x = 0; x < 2 && x0 + x < s.out_width; ++x) {
      T* to = plane + ((y0 + y) * s.out_width + x0 + x) * kLanes;
      __m512 v = _mm512_add_ps(pair[x], bias);
      if (s.sum) v = _mm512_add_ps(v, load16(to));
      if (s.relu) v = positive(v);
      store16(to, v);
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
template <typename T>
struct Run {
  const Sizes3x3& s;
  const T* x;
  const T* weights;  ///< [column group][16][C (in pairs)][32 (× 2)]
  const float* bias;
  T* y;

  /// Tiles first … first + count of some blocks of channels, as [16][count] rows.
  RUNG_WIDE void transform(int64_t first, int64_t count, int64_t begin, int64_t end, T* u) const {
    const int64_t stride = row_stride<T>(s.channels());
    for (int64_t i = 0; i < count; ++i) {
      const Tile tile = tile_at(s, first + i);
      for (int64_t b = begin; b < end; ++b) {
        const T* plane = x + (tile.image * s.in_blocks + b) * s.height * s.width * kLanes;
        transform_input(s, plane, tile.y - s.pad, tile.x - s.pad, u + i * stride + b * kLanes,
                        count * stride);
      }
    }
  }

  /// One group of output channels of those tiles. `m` has room for kPlaces · kRows · 32 sums.
  RUNG_WIDE void columns(int64_t group, int64_t first, int64_t count, const T* u, float* m) const {
    const T* b = weights + group * kPlaces * s.channels() * kWide;
    const int64_t blocks_here = std::min(kColumns, s.out_blocks - group * kColumns);
    const int64_t step = rows_at_a_time(count), stride = row_stride<T>(s.channels());
    for (int64_t i = 0; i < count; i += step) {
      const int64_t rows = std::min(step, count - i);
      for (int64_t place = 0; place < kPlaces; ++place) {
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
          transform_output(s, m + r * kWide + k * kLanes, kRows * kWide, shift, plane, tile.y,
                           tile.x);
        }
      }
    }
  }
};

/// Sums of one group of columns, of a thread.
constexpr int64_t kSumBytes = kPlaces * kRows * kWide * static_cast<int64_t>(sizeof(float));

Cut cut_of(const Sizes3x3& s, int64_t element) {
  const int64_t per_tile = kPlaces * (s.channels() * element + 64);  // row_stride
  Cut cut{.row_bytes = per_tile, .threads = omp_get_max_threads()};
  cut.shared = s.tiles * per_tile <= kCache * cut.threads;
  cut.chunk = cut.shared ? s.tiles : std::max(kRows, kCache / 2 / per_tile / kRows * kRows);
  return cut;
}

template <typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void transform_part(const Run<T>& run,
                                                                       int64_t first, int64_t count,
                                                                       int64_t begin, int64_t end,
                                                                       T* u) {
  run.transform(first, count, begin, end, u);
}
template <typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void column_part(const Run<T>& run,
                                                                    int64_t group, int64_t first,
                                                                    int64_t count, const T* u,
                                                                    float* m) {
  run.columns(group, first, count, u, m);
}

template <typename T>
Kernel winograd_kernel(const Sizes3x3& s, const Cut& cut, size_t first) {
  return [=](const Pointers& at) {
    const Run<T> run{
        s, reinterpret_cast<const T*>(at.in[0]), reinterpret_cast<const T*>(at.in[first]),
        reinterpret_cast<const float*>(at.in[first + 1]), reinterpret_cast<T*>(at.out[0])};
    std::byte* sums = at.scratch + cut.scratch();
    run_cut<T>(
        cut, at.scratch, s.tiles, s.in_blocks, s.column_groups,
        [&](auto... part) { transform_part(run, part...); },
        [&](auto... part) {
          column_part(run, part...,
                      reinterpret_cast<float*>(sums + omp_get_thread_num() * kSumBytes));
        });
  };
}

/// G g Gᵀ for one pair of channels.
std::array<float, kPlaces> transformed(const float* g) {
  float rows[4][3];
  for (int x = 0; x < 3; ++x) {
    const float a = g[x], b = g[3 + x], c = g[6 + x];
    rows[0][x] = a;
    rows[1][x] = (a + b + c) / 2;
    rows[2][x] = (a - b + c) / 2;
    rows[3][x] = c;
  }
  std::array<float, kPlaces> to{};
  for (size_t y = 0; y < 4; ++y) {
    const float a = rows[y][0], b = rows[y][1], c = rows[y][2];
    to[4 * y] = a;
    to[4 * y + 1] = (a + b + c) / 2;
    to[4 * y + 2] = (a - b + c) / 2;
    to[4 * y + 3] = c;
  }
  return to;
}

/// The weights [O, C, 3, 3] as Run reads them.
template <typename T>
void pack_weights(const Sizes3x3& s, const Tensor& weight, T* to) {
  const auto from = weight.as<float>();
  const int64_t outputs = weight.shape()[0], channels = weight.shape()[1];
  parallel_for(s.column_groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      for (int64_t c = 0; c < s.channels(); ++c) {
        for (int64_t o = 0; o < kWide; ++o) {
          const int64_t output = group * kWide + o;
          std::array<float, kPlaces> values{};
          if (output < outputs && c < channels) {
            values = transformed(from.data() + (output * channels + c) * 9);
          }
          for (int64_t place = 0; place < kPlaces; ++place) {
            store(to + (group * kPlaces + place) * s.channels() * kWide + packed_place<T>(c, o),
                  values[static_cast<size_t>(place)]);
          }
        }
      }
    }
  });
}

}  // namespace

Way winograd_way(LowerCall& call, const BlockedConv& problem, const Tensor& weight, size_t first) {
  const Sizes3x3 s = sizes_of(problem);
  const Cut cut = cut_of(s, size_of(problem.dtype));
  Way way{.name = std::string(kWinogradWay), .scratch = cut.scratch() + cut.threads * kSumBytes};
  with_floating(problem.dtype, [&]<typename T>(T) {
    const int64_t count = s.column_groups * kPlaces * s.channels() * kWide;
    const auto bytes = count * static_cast<int64_t>(sizeof(T));
    way.constants.push_back(
        call.prepared(weight, fmt::format("{} {}", kWinogradWay, name(problem.dtype)), [&] {
          Tensor packed(DType::kU8, {bytes}, aligned_memory(bytes));
          pack_weights(s, weight, reinterpret_cast<T*>(packed.data()));
          return packed;
        }));
    way.kernel = winograd_kernel<T>(s, cut, first);
  });
  way.constants.push_back(call.constant(filled_bias(problem.bias, problem.outputs)));
  return way;
}

}  // namespace rung::onednn
