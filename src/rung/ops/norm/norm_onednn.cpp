#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "rung/ops/fold.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::Layout;
using onednn::load;
using onednn::Ref;
using onednn::store;

constexpr Form kFloats = {DType::kF32, Layout::kPlain};

float add(float a, float b) { return a + b; }

struct Moments {
  float mean, squares;  ///< of `count` values: Σ (x - mean)²
};
template <typename T>
inline Moments moments(const T* x, int64_t count) {
  const float mean = onednn::fold(x, count, 0.0F, add, add) / static_cast<float>(count);
  const auto square = [mean](float sum, float value) {
    return sum + (value - mean) * (value - mean);
  };
  return {mean, onednn::fold(x, count, 0.0F, square, add)};
}

template <typename T>
inline void normalize_row(const T* x, T* out, int64_t count, float eps, const float* weight,
                          const float* bias) {
  const Moments m = moments(x, count);
  const float mean = m.mean;
  const float scale = 1.0F / std::sqrt(m.squares / static_cast<float>(count) + eps);
  if (weight == nullptr) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) store(out + i, (load(x + i) - mean) * scale);
    return;
  }
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    store(out + i, (load(x + i) - mean) * scale * weight[i] + bias[i]);
  }
}

template <typename T>
onednn::Kernel layer_norm(int64_t rows, int64_t count, float eps) {
  return [=](const onednn::Pointers& p) {
    if (count == 0) return;
    const auto* x = reinterpret_cast<const T*>(p.in[0]);
    auto* out = reinterpret_cast<T*>(p.out[0]);
    const bool affine = p.in.size() > 1;
    const auto* weight = affine ? reinterpret_cast<const float*>(p.in[1]) : nullptr;
    const auto* bias = affine ? reinterpret_cast<const float*>(p.in[2]) : nullptr;
    onednn::parallel_for(rows, onednn::grain_of(count), [&](int64_t begin, int64_t end) {
      onednn::vectorized([&] {
        for (int64_t row = begin; row < end; ++row) {
          normalize_row(x + row * count, out + row * count, count, eps, weight, bias);
        }
      });
    });
  };
}

/// A norm over groups of channels. The pixels of a plane are taken in pieces, so that few large
/// planes keep all threads busy, and sums stay short.
struct GroupPlan {
  int64_t images = 0, channels = 0, groups = 0;
  int64_t planes = 0;  ///< of one image
  int64_t pixels = 0;
  int64_t inner = 1;
  int64_t pieces = 1;
  float eps = 0;
  int64_t lanes() const { return images * planes * inner; }
  int64_t begin_of(int64_t piece) const { return pixels * piece / pieces; }
};

/// Mean and squares of each lane of one piece, in `out` side by side: means, then squares.
template <typename T>
inline void piece_moments(const GroupPlan& plan, const T* x, int64_t count, float* out) {
  const int64_t inner = plan.inner;
  if (inner == 1) {
    const Moments m = moments(x, count);
    out[0] = m.mean, out[1] = m.squares;
    return;
  }
  onednn::in_lanes(inner, [&](auto lanes, int64_t at) {
    constexpr int kLanes = lanes();
    const T* from = x + at;
    float mean[kLanes] = {}, squares[kLanes] = {};
    for (int64_t i = 0; i < count; ++i) {
#pragma omp simd
      for (int l = 0; l < kLanes; ++l) mean[l] += load(from + i * inner + l);
    }
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) mean[l] /= static_cast<float>(count);
    for (int64_t i = 0; i < count; ++i) {
#pragma omp simd
      for (int l = 0; l < kLanes; ++l) {
        const float off = load(from + i * inner + l) - mean[l];
        squares[l] += off * off;
      }
    }
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) out[at + l] = mean[l], out[inner + at + l] = squares[l];
  });
}

/// What becomes of the channels of one image: x · scale + shift. Lanes that fill up the last block
/// become zero.
void group_factors(const GroupPlan& plan, int64_t image, const float* found, const float* weight,
                   const float* bias, float* scale, float* shift) {
  const int64_t inner = plan.inner, size = plan.channels / plan.groups;
  const auto moments_of = [&](int64_t channel, int64_t piece) {
    const int64_t plane = image * plan.planes + channel / inner;
    return found + (plane * plan.pieces + piece) * 2 * inner + channel % inner;
  };
  const auto each = [&](int64_t group, const auto& f) {
    for (int64_t c = group * size; c < (group + 1) * size; ++c) {
      for (int64_t piece = 0; piece < plan.pieces; ++piece) {
        f(moments_of(c, piece),
          static_cast<double>(plan.begin_of(piece + 1) - plan.begin_of(piece)));
      }
    }
  };
  const int64_t lanes = plan.planes * inner;
  std::fill_n(scale, lanes, 0.0F);
  std::fill_n(shift, lanes, 0.0F);
  const auto count = static_cast<double>(size * plan.pixels);
  for (int64_t group = 0; group < plan.groups; ++group) {
    double mean = 0, squares = 0;
    each(group, [&](const float* m, double n) { mean += m[0] * n / count; });
    each(group, [&](const float* m, double n) {
      squares += m[inner] + n * (m[0] - mean) * (m[0] - mean);
    });
    const double factor = 1 / std::sqrt(squares / count + static_cast<double>(plan.eps));
    for (int64_t c = group * size; c < (group + 1) * size; ++c) {
      const double a = weight == nullptr ? factor : factor * static_cast<double>(weight[c]);
      const double b = bias == nullptr ? 0 : static_cast<double>(bias[c]);
      scale[c] = static_cast<float>(a);
      shift[c] = static_cast<float>(b - mean * a);
    }
  }
}

template <typename T>
inline void scale_pixels(const T* x, T* out, int64_t count, int64_t inner, const float* scale,
                         const float* shift) {
  if (inner == 1) {
    const float a = scale[0], b = shift[0];
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) store(out + i, load(x + i) * a + b);
    return;
  }
  onednn::in_lanes(inner, [&](auto lanes, int64_t at) {
    constexpr int kLanes = lanes();
    const T* from = x + at;
    T* to = out + at;
    float a[kLanes], b[kLanes];
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) a[l] = scale[at + l], b[l] = shift[at + l];
    for (int64_t i = 0; i < count; ++i) {
#pragma omp simd
      for (int l = 0; l < kLanes; ++l) {
        store(to + i * inner + l, load(from + i * inner + l) * a[l] + b[l]);
      }
    }
  });
}

/// Calls f(piece's first element, pixels, plane, piece's number) for every piece of every plane.
template <typename F>
void over_pieces(const GroupPlan& plan, const F& f) {
  const int64_t grain = onednn::grain_of(plan.pixels / plan.pieces * plan.inner);
  onednn::parallel_for(
      plan.images * plan.planes * plan.pieces, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t plane = i / plan.pieces, piece = i % plan.pieces;
          const int64_t first = plan.begin_of(piece), last = plan.begin_of(piece + 1);
          f((plane * plan.pixels + first) * plan.inner, last - first, plane, i);
        }
      });
}

template <typename T>
onednn::Kernel group_norm(const GroupPlan& plan) {
  return [plan](const onednn::Pointers& p) {
    if (plan.pixels == 0) return;
    const auto* x = reinterpret_cast<const T*>(p.in[0]);
    auto* out = reinterpret_cast<T*>(p.out[0]);
    const bool affine = p.in.size() > 1;
    const auto* weight = affine ? reinterpret_cast<const float*>(p.in[1]) : nullptr;
    const auto* bias = affine ? reinterpret_cast<const float*>(p.in[2]) : nullptr;
    auto* scale = reinterpret_cast<float*>(p.scratch);
    float* shift = scale + plan.lanes();
    float* found = shift + plan.lanes();
    over_pieces(plan, [&](int64_t first, int64_t pixels, int64_t, int64_t i) {
      onednn::vectorized(
          [&] { piece_moments(plan, x + first, pixels, found + i * 2 * plan.inner); });
    });
    onednn::parallel_for(plan.images, onednn::grain_of(plan.lanes() / plan.images * plan.pieces),
                         [&](int64_t begin, int64_t end) {
                           for (int64_t n = begin; n < end; ++n) {
                             const int64_t at = n * plan.planes * plan.inner;
                             group_factors(plan, n, found, weight, bias, scale + at, shift + at);
                           }
                         });
    over_pieces(plan, [&](int64_t first, int64_t pixels, int64_t plane, int64_t) {
      const int64_t at = plane * plan.inner;
      onednn::vectorized([&] {
        scale_pixels(x + first, out + first, pixels, plan.inner, scale + at, shift + at);
      });
    });
  };
}

/// x, then weight and bias as floats where there are any.
std::vector<Ref> operands(onednn::LowerCall& call, Form form) {
  std::vector<Ref> in = {call.in(0, form)};
  for (size_t i = 1; i < call.in_types().size() && i < 3; ++i) in.push_back(call.in(i, kFloats));
  return in;
}

void add_group_norm(onednn::LowerCall& call, const std::string& what, int64_t groups, double eps) {
  onednn::need_f32(call, "norms");
  const Shape& x = call.in_type(0).shape;
  const Form form = call.form(0);
  const auto view = onednn::map_view(x, form.layout);
  GroupPlan plan{.images = x[0],
                 .channels = x[1],
                 .groups = groups,
                 .planes = x[0] == 0 ? 0 : view.planes / x[0],
                 .pixels = x[0] == 0 ? 0 : view.pixels(),
                 .inner = view.inner,
                 .eps = static_cast<float>(eps)};
  constexpr int64_t kPiece = 1024;
  plan.pieces = std::max<int64_t>(1, plan.pixels * plan.inner / (16 * kPiece));
  const int64_t floats = 2 * plan.lanes() + 2 * plan.lanes() * plan.pieces;
  onednn::Kernel run;
  onednn::with_floating(form.dtype, [&]<typename T>(T) { run = group_norm<T>(plan); });
  const std::vector<Ref> in = operands(call, form);
  call.kernel(what, in, {call.out(0, form)}, run, 0, floats * 4);
}

}  // namespace

void lower(const LayerNorm& op, onednn::LowerCall& call) {
  onednn::need_f32(call, "norms");
  const Shape& x = call.in_type(0).shape;
  const Form form{call.form(0).dtype, Layout::kPlain};
  const auto product = [](auto begin, auto end) {
    return std::accumulate(begin, end, int64_t{1}, std::multiplies<>());
  };
  const auto split = x.end() - op.axes;
  const int64_t rows = product(x.begin(), split), count = product(split, x.end());
  onednn::Kernel run;
  onednn::with_floating(form.dtype, [&]<typename T>(T) {
    run = layer_norm<T>(rows, count, static_cast<float>(op.eps));
  });
  const std::vector<Ref> in = operands(call, form);
  call.kernel(fmt::format("layer norm of {}", count), in, {call.out(0, form)}, run, 0);
}

void lower(const GroupNorm& op, onednn::LowerCall& call) {
  add_group_norm(call, fmt::format("group norm, {} groups", op.groups), op.groups, op.eps);
}

void lower(const InstanceNorm& op, onednn::LowerCall& call) {
  add_group_norm(call, "instance norm", call.in_type(0).shape[1], op.eps);
}

}  // namespace rung::ops
