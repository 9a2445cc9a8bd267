#include "rung/ops/conv/normed_product.h"

#include <fmt/format.h>
#include <omp.h>

#include "rung/ops/check.h"
#include "rung/ops/norm/affine_onednn.h"
#include "rung/ops/tiles.h"

namespace rung::onednn {
namespace {

constexpr int64_t kCache = 128 * 1024;  // bytes of normed pixels at a time: larger ones leave L2

/// What all parts of the kernel share. Pixels are counted through all images.
struct Product {
  int64_t space, pixels, in_blocks, out_blocks, column_groups;
  bool relu_before, relu_behind;
  int64_t channels() const { return in_blocks * kLanes; }
};

Cut cut_of(const Product& p, int64_t element) {
  const int64_t per_pixel = p.channels() * element + 64;  // row_stride
  Cut cut{.row_bytes = per_pixel, .threads = omp_get_max_threads()};
  // Few pixels for each thread would have the weights read more often than the pixels.
  cut.shared = p.pixels < 2 * kRows * cut.threads && p.column_groups >= 2 * cut.threads;
  const int64_t most = std::max(kRows, kCache / per_pixel / kRows * kRows);
  cut.chunk = cut.shared ? p.pixels : even_chunk(p.pixels, most, cut.threads);
  return cut;
}

template <typename T>
struct Run {
  const Product& p;
  const T* x;
  const T* weights;    ///< [column group][C (in pairs)][32 (× 2)]
  const float* scale;  ///< then the shift, each [C]
  const float* bias;   ///< filled up to whole groups
  T* y;

  /// Pixels first … first + count of some blocks of channels, normed, in rows.
  RUNG_WIDE void norm(int64_t first, int64_t count, int64_t begin, int64_t end, T* u) const {
    const auto pixel_of = [&](int64_t block, int64_t i) {
      const int64_t image = (first + i) / p.space, pixel = (first + i) % p.space;
      return x + ((image * p.in_blocks + block) * p.space + pixel) * kLanes;
    };
    for (int64_t b = begin; b < end; ++b) {
      // What the CPU finds out by itself comes too late for pieces this short.
      for (int64_t i = 0; i < std::min<int64_t>(count, 32); ++i) {
        __builtin_prefetch(pixel_of(std::min(b + 1, end - 1), i));
      }
      const __m512 factor = _mm512_loadu_ps(scale + b * kLanes);
      const __m512 shift = _mm512_loadu_ps(scale + p.channels() + b * kLanes);
      for (int64_t i = 0; i < count; ++i) {
        __m512 v = _mm512_fmadd_ps(load16(pixel_of(b, i)), factor, shift);
        if (p.relu_before) v = positive(v);
        store16(u + i * row_stride<T>(p.channels()) + b * kLanes, v);
      }
    }
  }

  RUNG_WIDE void columns(int64_t group, int64_t first, int64_t count, const T* u) const {
    alignas(64) float sums[kRows * kWide];
    const T* b = weights + group * p.channels() * kWide;
    const int64_t blocks_here = std::min(kColumns, p.out_blocks - group * kColumns);
    const int64_t step = rows_at_a_time(count), stride = row_stride<T>(p.channels());
    for (int64_t i = 0; i < count; i += step) {
      const int64_t rows = std::min(step, count - i);
      const LeftSide<T> left{
          .data = u + i * stride, .row = stride, .block = kLanes, .blocks = p.in_blocks};
      multiply(left, b, {sums}, rows);
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t image = (first + i + r) / p.space, pixel = (first + i + r) % p.space;
        for (int64_t k = 0; k < blocks_here; ++k) {
          const int64_t block = group * kColumns + k;
          __m512 v = _mm512_add_ps(_mm512_load_ps(sums + r * kWide + k * kLanes),
                                   _mm512_loadu_ps(bias + block * kLanes));
          if (p.relu_behind) v = positive(v);
          store16(y + ((image * p.out_blocks + block) * p.space + pixel) * kLanes, v);
        }
      }
    }
  }
};

template <typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void norm_part(const Run<T>& run, int64_t first,
                                                                  int64_t count, int64_t begin,
                                                                  int64_t end, T* u) {
  run.norm(first, count, begin, end, u);
}
template <typename T>
__attribute__((target(RUNG_WIDE_TARGET), flatten)) void column_part(const Run<T>& run,
                                                                    int64_t group, int64_t first,
                                                                    int64_t count, const T* u) {
  run.columns(group, first, count, u);
}

/// Inputs of the step: x, weights, scale and shift, bias.
template <typename T>
Kernel product_kernel(const Product& p, const Cut& cut) {
  return [=](const Pointers& at) {
    const auto numbers = [&](size_t i) { return reinterpret_cast<const float*>(at.in[i]); };
    const Run<T> run{p,
                     reinterpret_cast<const T*>(at.in[0]),
                     reinterpret_cast<const T*>(at.in[1]),
                     numbers(2),
                     numbers(3),
                     reinterpret_cast<T*>(at.out[0])};
    run_cut<T>(
        cut, at.scratch, p.pixels, p.in_blocks, p.column_groups,
        [&](auto... part) { norm_part(run, part...); },
        [&](int64_t group, int64_t begin, int64_t count, const T* u, int64_t) {
          column_part(run, group, begin, count, u);
        });
  };
}

Tensor scale_and_shift(const ops::Affine& affine) {
  std::vector<float> both = affine.scale;
  both.insert(both.end(), affine.shift.begin(), affine.shift.end());
  const auto count = static_cast<int64_t>(both.size());
  return Tensor::f32({count}, std::move(both));
}

}  // namespace

bool takes_norm(const ops::Conv& op, const Shape& x, const Shape& weight) {
  return has_tiles(DType::kF32) && x.size() >= 3 && x.size() <= 5 && op.groups == 1 &&
         ops::all_are(op.stride, 1) && ops::all_are(op.padding, 0) && x[1] % kLanes == 0 &&
         ops::all_are(ops::Sizes(weight.begin() + 2, weight.end()), 1) && weight[0] % kLanes == 0 &&
         element_count(x) > 0;
}

void lower_normed_product(LowerCall& call) {
  const Prologue& prologue = *call.prologue();
  const Shape& x = call.in_type(0).shape;
  const int64_t outputs = call.out_type().shape[1];
  const Form form{call.storage(DType::kF32), Layout::kBlocked};
  const Product p{.space = element_count(Shape(x.begin() + 2, x.end())),
                  .pixels = x[0] * element_count(Shape(x.begin() + 2, x.end())),
                  .in_blocks = channel_blocks(x[1]),
                  .out_blocks = channel_blocks(outputs),
                  .column_groups = column_groups(outputs),
                  .relu_before = prologue.relu,
                  .relu_behind = !call.posts().empty()};
  const ops::Affine affine = ops::affine_of(
      *prologue.norm, [&](size_t i) { return call.known(prologue.first_input + i); });
  const Tensor bias = filled_bias(call.own_inputs() > 2 ? call.known(2) : Tensor(), outputs);
  const Cut cut = cut_of(p, size_of(form.dtype));
  with_floating(form.dtype, [&]<typename T>(T) {
    const Tensor weight = call.known(1);
    const Ref packed = call.prepared(weight, fmt::format("columns {}", name(form.dtype)),
                                     [&] { return packed_columns<T>(weight); });
    const std::vector<Ref> in = {call.in(0, form), packed, call.constant(scale_and_shift(affine)),
                                 call.constant(bias)};
    call.kernel(fmt::format("norm{} + conv 1x1, {} -> {}{}", p.relu_before ? " + relu" : "", x[1],
                            outputs, p.relu_behind ? " + relu" : ""),
                in, {call.out(0, form)}, product_kernel<T>(p, cut), {}, cut.scratch());
  });
}

}  // namespace rung::onednn
