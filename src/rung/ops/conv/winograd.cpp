#include <fmt/format.h>
#include <omp.h>

#include "rung/ops/conv/our_ways.h"
#include "rung/ops/conv/winograd_transforms.h"

namespace rung::onednn {
namespace {

constexpr int64_t kCache = 384 * 1024;  // bytes of transformed inputs that stay near
constexpr int64_t kSumRows = 24;        // tiles whose sums are made at a time
constexpr int64_t kMoreSumRows = 72;    // the same where weights are transformed for each time
constexpr int64_t kPartBlocks = 4;  // blocks of channels whose weights are transformed at a time

/// Sizes that all parts of the kernel share.
struct Sizes3x3 {
  int64_t images, in_blocks, out_blocks, height, width, out_height, out_width, pad;
  int64_t tiles_y, tiles_x, tiles;
  int64_t column_groups;  ///< of kColumns blocks
  bool sum, relu;
  int64_t channels() const { return in_blocks * kLanes; }
};

template <typename Axis>
Sizes3x3 sizes_of(const BlockedConv& p) {
  constexpr int64_t kOutputs = Axis::kOutputs;
  Sizes3x3 s{};
  s.images = p.x[0];
  s.in_blocks = channel_blocks(p.x[1]);
  s.out_blocks = channel_blocks(p.outputs);
  s.height = p.x[2];
  s.width = p.x[3];
  s.pad = p.pad;
  s.out_height = (s.height + 2 * p.pad - 3) / p.stride + 1;
  s.out_width = (s.width + 2 * p.pad - 3) / p.stride + 1;
  s.tiles_y = (s.out_height + kOutputs - 1) / kOutputs;
  s.tiles_x = (s.out_width + kOutputs - 1) / kOutputs;
  s.tiles = s.images * s.tiles_y * s.tiles_x;
  s.column_groups = column_groups(p.outputs);
  s.sum = p.sum;
  s.relu = p.relu;
  return s;
}

/// Those from (y0, x0) on: as they lie, or a copy where some of them are borders.
template <typename Axis, typename T>
RUNG_WIDE Pixels<T> pixels_at(const Sizes3x3& s, const T* plane, int64_t y0, int64_t x0, T* copy) {
  constexpr int64_t kInputs = Axis::kInputs;
  const int64_t line = s.width * kLanes;
  if (y0 >= 0 && y0 + kInputs <= s.height && x0 >= 0 && x0 + kInputs <= s.width) {
    return {plane + y0 * line + x0 * kLanes, line};
  }
  for (int64_t y = 0; y < kInputs; ++y) {
    for (int64_t x = 0; x < kInputs; ++x) {
      const int64_t v = y0 + y, u = x0 + x;
      const bool inside = v >= 0 && v < s.height && u >= 0 && u < s.width;
      store16(copy + (y * kInputs + x) * kLanes,
              inside ? load16(plane + v * line + u * kLanes) : _mm512_setzero_ps());
    }
  }
  return {copy, kInputs * kLanes};
}

/// One tile and block, bias and posts, into the map; what lies outside is left out.
template <typename Axis, typename T>
RUNG_WIDE void put_outputs(const Sizes3x3& s, const float* m, __m512 bias, T* plane, int64_t y0,
                           int64_t x0) {
  constexpr int64_t kOutputs = Axis::kOutputs;
  __m512 outputs[kOutputs][kOutputs];
  transform_products<Axis>(m, outputs);
#pragma GCC unroll 4
  for (int64_t y = 0; y < kOutputs; ++y) {
    if (y0 + y >= s.out_height) break;
    T* to = plane + ((y0 + y) * s.out_width + x0) * kLanes;
#pragma GCC unroll 4
    for (int64_t x = 0; x < kOutputs; ++x) {
      if (x0 + x >= s.out_width) break;
      finish(to + x * kLanes, _mm512_add_ps(outputs[y][x], bias), s.sum, s.relu);
    }
  }
}

/// A product on its own: else each kernel would hold all twelve of them.
template <typename T>
__attribute__((target(RUNG_WIDE_TARGET), noinline)) void product(const LeftSide<T>& left,
                                                                 const T* b, const Sums& c,
                                                                 int64_t rows) {
  multiply(left, b, c, rows);
}

struct Tile {
  int64_t image, y, x;  ///< of the output's corner, in tiles
};
RUNG_WIDE Tile tile_at(const Sizes3x3& s, int64_t i) {
  const int64_t row = i / s.tiles_x;
  return {row / s.tiles_y, row % s.tiles_y, i % s.tiles_x};
}

/// Right sides of products: [column group] of [places][channels (in pairs)][32 (× 2)], `place`
/// elements from one place to the next.
template <typename T>
struct Panel {
  const T* data;
  int64_t place;
  int64_t first, blocks;  ///< of channels
};

/// How the kernel goes about it.
struct Plan {
  Cut cut;
  bool taps = false;     ///< weights are transformed on the way
  int64_t sum_rows = 0;  ///< tiles whose sums are made at a time
  int64_t thread_bytes = 0;
  int64_t scratch() const { return cut.scratch() + cut.threads * thread_bytes; }
};

/// One run of the kernel.
template <typename Axis, typename T>
struct Run {
  static constexpr int64_t kCount = kPlaces<Axis>;
  const Sizes3x3& s;
  const Plan& plan;
  const T* x;
  const T* weights;   ///< [column group][places][C (in pairs)][32 (× 2)]
  const float* taps;  ///< or, in their place, [column group][C][kColumns][9][16]
  const float* bias;
  T* y;

  /// Tiles first … first + count of some blocks of channels, as [places][count] rows.
  RUNG_WIDE void transform(int64_t first, int64_t count, int64_t begin, int64_t end, T* u) const {
    constexpr int64_t kStep = Axis::kOutputs * Axis::kStride;
    alignas(64) T copy[kCount * kLanes];
    const int64_t stride = row_stride<T>(s.channels());
    for (int64_t i = 0; i < count; ++i) {
      const Tile tile = tile_at(s, first + i);
      for (int64_t b = begin; b < end; ++b) {
        const T* plane = x + (tile.image * s.in_blocks + b) * s.height * s.width * kLanes;
        const Pixels<T> from =
            pixels_at<Axis>(s, plane, tile.y * kStep - s.pad, tile.x * kStep - s.pad, copy);
        transform_input<Axis>(from, u + i * stride + b * kLanes, count * stride);
      }
    }
  }

  /// One group of output channels of those tiles. `m`: thread_bytes of this thread's.
  RUNG_WIDE void columns(int64_t group, int64_t first, int64_t count, const T* u, float* m) const {
    const int64_t pieces = (count + plan.sum_rows - 1) / plan.sum_rows;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t begin = count * piece / pieces, end = count * (piece + 1) / pieces;
      multiply_piece(group, begin, end, count, u, m);
      const int64_t blocks_here = std::min(kColumns, s.out_blocks - group * kColumns);
      for (int64_t i = begin; i < end; ++i) {
        const Tile tile = tile_at(s, first + i);
        for (int64_t k = 0; k < blocks_here; ++k) {
          const int64_t block = group * kColumns + k;
          T* plane = y + (tile.image * s.out_blocks + block) * s.out_height * s.out_width * kLanes;
          const __m512 shift = _mm512_loadu_ps(bias + block * kLanes);
          put_outputs<Axis>(s, m + ((i - begin) * kColumns + k) * kCount * kLanes, shift, plane,
                            tile.y * Axis::kOutputs, tile.x * Axis::kOutputs);
        }
      }
    }
  }

  /// The sums of tiles begin … end of `count`: [tile][kColumns][place][16].
  RUNG_WIDE void multiply_piece(int64_t group, int64_t begin, int64_t end, int64_t count,
                                const T* u, float* m) const {
    if (!plan.taps) {
      const int64_t place = s.channels() * kWide;
      const Panel<T> panel{weights + group * kCount * place, place, 0, s.in_blocks};
      return multiply_panel(panel, begin, end, count, u, m);
    }
    T* made = reinterpret_cast<T*>(m + plan.sum_rows * kWide * kCount);
    for (int64_t first = 0; first < s.in_blocks; first += kPartBlocks) {
      const int64_t blocks = std::min(kPartBlocks, s.in_blocks - first);
      const Panel<T> panel{made, row_stride<T>(blocks * kLanes * kWide), first, blocks};
      const int64_t channel = group * s.channels() + first * kLanes;
      transform_weights<Axis>(taps + channel * kColumns * kTaps * kLanes, blocks * kLanes, made,
                              panel.place);
      multiply_panel(panel, begin, end, count, u, m);
    }
  }
  RUNG_WIDE void multiply_panel(const Panel<T>& panel, int64_t begin, int64_t end, int64_t count,
                                const T* u, float* m) const {
    const int64_t step = rows_at_a_time(end - begin), stride = row_stride<T>(s.channels());
    for (int64_t place = 0; place < kCount; ++place) {
      for (int64_t i = begin; i < end; i += step) {
        const LeftSide<T> left{.data = u + (place * count + i) * stride + panel.first * kLanes,
                               .row = stride,
                               .block = kLanes,
                               .blocks = panel.blocks};
        const Sums sums{.data = m + ((i - begin) * kColumns * kCount + place) * kLanes,
                        .row = kColumns * kCount * kLanes,
                        .column = kCount * kLanes,
                        .more = panel.first > 0};
        product(left, panel.data + place * panel.place, sums, std::min(step, end - i));
      }
    }
  }
};

template <typename Axis>
Plan plan_of(const Sizes3x3& s, DType dtype) {
  constexpr int64_t kFloat = sizeof(float);
  const int64_t element = size_of(dtype);
  const int64_t per_tile = kPlaces<Axis> * (s.channels() * element + 64);  // row_stride
  const int64_t weights = kPlaces<Axis> * s.channels() * s.column_groups * kWide * element;
  Plan plan{.cut = {.row_bytes = per_tile, .threads = omp_get_max_threads()}};
  Cut& cut = plan.cut;
  // Sharing columns reads each weight once, and needs some columns for each thread. Weights that
  // are made on the way, from a quarter of the bytes, pay for several tiles of 36 places in f32.
  const bool taps_pay = dtype == DType::kF32 && Axis::kOutputs == 4 && s.tiles > kRows;
  const int64_t most_shared = std::max(2 * kCache * cut.threads, taps_pay ? weights / 2 : 0);
  cut.shared = s.tiles * per_tile <= most_shared && s.column_groups >= cut.threads;
  const int64_t most = std::max(kRows, kCache / per_tile / kRows * kRows);
  cut.chunk = cut.shared ? s.tiles : even_chunk(s.tiles, most, cut.threads);
  plan.taps = cut.shared && taps_pay;
  plan.sum_rows = std::min(cut.chunk, plan.taps ? kMoreSumRows : kSumRows);
  plan.thread_bytes = plan.sum_rows * kWide * kPlaces<Axis> * kFloat;
  if (plan.taps) {  // and a panel, of rows of a line more
    plan.thread_bytes += kPlaces<Axis> * (kPartBlocks * kLanes * kWide * kFloat + 64);
  }
  return plan;
}

template <typename Axis, typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void transform_part(const Run<Axis, T>& run,
                                                                       int64_t first, int64_t count,
                                                                       int64_t begin, int64_t end,
                                                                       T* u) {
  run.transform(first, count, begin, end, u);
}
template <typename Axis, typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void column_part(const Run<Axis, T>& run,
                                                                    int64_t group, int64_t first,
                                                                    int64_t count, const T* u,
                                                                    float* m) {
  run.columns(group, first, count, u, m);
}

template <typename Axis, typename T>
Kernel winograd_kernel(const Sizes3x3& s, const Plan& plan, size_t first) {
  return [=](const Pointers& at) {
    const std::byte* weights = at.in[first];
    const Run<Axis, T> run{s,
                           plan,
                           reinterpret_cast<const T*>(at.in[0]),
                           reinterpret_cast<const T*>(weights),
                           reinterpret_cast<const float*>(weights),
                           reinterpret_cast<const float*>(at.in[first + 1]),
                           reinterpret_cast<T*>(at.out[0])};
    std::byte* memory = at.scratch + plan.cut.scratch();
    run_cut<T>(
        plan.cut, at.scratch, s.tiles, s.in_blocks, s.column_groups,
        [&](auto... part) { transform_part(run, part...); },
        [&](int64_t group, int64_t begin, int64_t count, const T* u, int64_t worker) {
          column_part(run, group, begin, count, u,
                      reinterpret_cast<float*>(memory + worker * plan.thread_bytes));
        });
  };
}

/// The weights [O, C, 3, 3] as [column group][C][kColumns][9][16]: what is read once is transformed
/// on the way, from a quarter of the bytes (4×4 outputs in f32).
Tensor packed_taps(const Sizes3x3& s, const Tensor& weight) {
  const int64_t count = s.column_groups * s.channels() * kWide * kTaps;
  const int64_t bytes = count * static_cast<int64_t>(sizeof(float));
  Tensor packed(DType::kU8, {bytes}, aligned_memory(bytes));
  auto* to = reinterpret_cast<float*>(packed.data());
  const auto from = weight.as<float>();
  const int64_t outputs = weight.shape()[0], channels = weight.shape()[1];
  parallel_for(s.column_groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * s.channels(); i < end * s.channels(); ++i) {
      const int64_t group = i / s.channels(), c = i % s.channels();
      for (int64_t column = 0; column < kWide; ++column) {
        const int64_t output = group * kWide + column;
        const bool there = output < outputs && c < channels;
        float* at = to + (i * kColumns + column / kLanes) * kTaps * kLanes + column % kLanes;
        for (int64_t tap = 0; tap < kTaps; ++tap) {
          const int64_t place = (output * channels + c) * kTaps + tap;
          at[tap * kLanes] = there ? from[static_cast<size_t>(place)] : 0.0F;
        }
      }
    }
  });
  return packed;
}

template <typename Axis, typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void transform_group(const float* taps,
                                                                        int64_t channels, T* to) {
  transform_weights<Axis>(taps, channels, to, channels * kWide);
}
/// The same, transformed.
template <typename Axis, typename T>
Tensor packed_weights(const Sizes3x3& s, const Tensor& weight) {
  const Tensor taps = packed_taps(s, weight);
  const auto* from = reinterpret_cast<const float*>(taps.data());
  const int64_t of_group = s.channels() * kWide;
  const auto bytes = s.column_groups * of_group * kPlaces<Axis> * static_cast<int64_t>(sizeof(T));
  Tensor packed(DType::kU8, {bytes}, aligned_memory(bytes));
  auto* to = reinterpret_cast<T*>(packed.data());
  parallel_for(s.column_groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      transform_group<Axis>(from + group * of_group * kTaps, s.channels(),
                            to + group * of_group * kPlaces<Axis>);
    }
  });
  return packed;
}

template <typename Axis, typename T>
Way way_of(LowerCall& call, const BlockedConv& problem, const Tensor& weight, size_t first,
           std::string_view way) {
  const Sizes3x3 s = sizes_of<Axis>(problem);
  const Plan plan = plan_of<Axis>(s, problem.dtype);
  const Ref weights =
      plan.taps ? call.prepared(weight, "taps", [&] { return packed_taps(s, weight); })
                : call.prepared(
                      weight, fmt::format("{} / {}, {}", way, problem.stride, name(problem.dtype)),
                      [&] { return packed_weights<Axis, T>(s, weight); });
  return {.name = std::string(way),
          .kernel = winograd_kernel<Axis, T>(s, plan, first),
          .scratch = plan.scratch(),
          .constants = {weights, call.constant(filled_bias(problem.bias, problem.outputs))}};
}

}  // namespace

Way winograd_2x2_way(LowerCall& call, const BlockedConv& problem, const Tensor& weight,
                     size_t first) {
  Way way;
  with_floating(problem.dtype, [&]<typename T>(T) {
    way = problem.stride == 1 ? way_of<TwoOutputs, T>(call, problem, weight, first, kWinograd2x2)
                              : way_of<TwoOfStride2, T>(call, problem, weight, first, kWinograd2x2);
  });
  return way;
}

Way winograd_4x4_way(LowerCall& call, const BlockedConv& problem, const Tensor& weight,
                     size_t first) {
  Way way;
  with_floating(problem.dtype, [&]<typename T>(T) {
    way = way_of<FourOutputs, T>(call, problem, weight, first, kWinograd4x4);
  });
  return way;
}

}  // namespace rung::onednn
