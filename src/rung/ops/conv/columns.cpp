#include <fmt/format.h>

#include "rung/ops/conv/our_ways.h"
#include "rung/ops/tiles.h"

namespace rung::onednn {
namespace {

struct Sizes1x1 {
  int64_t images, in_blocks, out_blocks, column_groups;
  int64_t in_space, space;  ///< pixels of an image, before and behind
  int64_t in_line, line;    ///< those from one to the next of which pixels are evenly spaced: all
                            ///< of an image, or with a stride those of a line
  int64_t stride;
  bool sum, relu;
};

template <typename T>
struct Run {
  const Sizes1x1& s;
  const T* x;
  const T* weights;  ///< packed_columns
  const float* bias;
  T* y;

  /// Pixels first … first + rows of one image, one group of columns.
  RUNG_WIDE void tile(int64_t image, int64_t group, int64_t first, int64_t rows) const {
    alignas(64) float sums[kRows * kWide];
    const T* b = weights + group * s.in_blocks * kLanes * kWide;
    const int64_t pixel = first / s.line * s.stride * s.in_line + first % s.line * s.stride;
    const LeftSide<T> left{.data = x + (image * s.in_blocks * s.in_space + pixel) * kLanes,
                           .row = s.stride * kLanes,
                           .block = s.in_space * kLanes,
                           .blocks = s.in_blocks};
    multiply(left, b, {sums}, rows);
    const int64_t here = std::min(kColumns, s.out_blocks - group * kColumns);
    for (int64_t k = 0; k < here; ++k) {
      const int64_t block = group * kColumns + k;
      T* to = y + ((image * s.out_blocks + block) * s.space + first) * kLanes;
      const __m512 shift = _mm512_loadu_ps(bias + block * kLanes);
      for (int64_t r = 0; r < rows; ++r, to += kLanes) {
        const __m512 v = _mm512_add_ps(_mm512_load_ps(sums + r * kWide + k * kLanes), shift);
        finish(to, v, s.sum, s.relu);
      }
    }
  }
};

/// Units begin … end of (image, piece of pixels, column group): columns vary first inside a piece,
/// whose pixels stay in the cache.
template <typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void part(const Run<T>& run, int64_t piece,
                                                             int64_t begin, int64_t end) {
  const int64_t pieces = (run.s.space + piece - 1) / piece;
  const int64_t step = rows_at_a_time(std::min(piece, run.s.line));
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t group = unit % run.s.column_groups, rest = unit / run.s.column_groups;
    const int64_t image = rest / pieces, first = rest % pieces * piece;
    const int64_t last = std::min(first + piece, run.s.space);
    for (int64_t i = first; i < last;) {
      const int64_t rows = std::min({step, last - i, run.s.line - i % run.s.line});
      run.tile(image, group, i, rows);
      i += rows;
    }
  }
}

template <typename T>
Kernel columns_kernel(const Sizes1x1& s, int64_t piece, size_t first) {
  return [=](const Pointers& at) {
    const Run<T> run{
        s, reinterpret_cast<const T*>(at.in[0]), reinterpret_cast<const T*>(at.in[first]),
        reinterpret_cast<const float*>(at.in[first + 1]), reinterpret_cast<T*>(at.out[0])};
    const int64_t pieces = (s.space + piece - 1) / piece;
    parallel_for(s.images * pieces * s.column_groups, 1,
                 [&](int64_t begin, int64_t end) { part(run, piece, begin, end); });
  };
}

}  // namespace

Way columns_way(LowerCall& call, const BlockedConv& problem, const Tensor& weight, size_t first) {
  const Shape in(problem.x.begin() + 2, problem.x.end());
  Shape out = in;
  for (int64_t& size : out) size = (size - 1) / problem.stride + 1;
  const int64_t space = element_count(out);
  const Sizes1x1 s{.images = problem.x[0],
                   .in_blocks = channel_blocks(problem.x[1]),
                   .out_blocks = channel_blocks(problem.outputs),
                   .column_groups = column_groups(problem.outputs),
                   .in_space = element_count(in),
                   .space = space,
                   .in_line = problem.stride == 1 ? space : in.back(),
                   .line = problem.stride == 1 ? space : out.back(),
                   .stride = problem.stride,
                   .sum = problem.sum,
                   .relu = problem.relu};
  constexpr int64_t kCache = 256 * 1024;  // bytes of pixels that stay near
  const int64_t per_pixel = s.in_blocks * kLanes * size_of(problem.dtype);
  const int64_t piece = std::max<int64_t>(kCache / per_pixel / kRows, 2) * kRows;
  Way way{.name = std::string(kColumnsWay)};
  with_floating(problem.dtype, [&]<typename T>(T) {
    way.constants.push_back(call.prepared(weight, fmt::format("columns {}", name(problem.dtype)),
                                          [&] { return packed_columns<T>(weight); }));
    way.kernel = columns_kernel<T>(s, piece, first);
  });
  way.constants.push_back(call.constant(filled_bias(problem.bias, problem.outputs)));
  return way;
}

}  // namespace rung::onednn
