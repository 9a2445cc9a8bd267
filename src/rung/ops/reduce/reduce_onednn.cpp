#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "rung/ops/check.h"
#include "rung/ops/fold.h"
#include "rung/ops/reduce/reduce_plan.h"
#include "rung/ops/vector_math.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::Layout;
using onednn::load;
using onednn::ReducePlan;
using onednn::Ref;
using onednn::store;

template <typename S>
constexpr S kLowest = std::is_same_v<S, float> ? -std::numeric_limits<S>::infinity()
                                               : std::numeric_limits<S>::lowest();
template <typename S>
constexpr S kHighest = std::is_same_v<S, float> ? std::numeric_limits<S>::infinity()
                                                : std::numeric_limits<S>::max();

// What a kind does: `start`, to which elements are added, sums are joined, and what the whole comes
// to. S is float or int64.
template <typename S>
struct Sum {
  static constexpr S kStart = 0;
  static S add(S sum, S x) { return sum + x; }
  static S join(S a, S b) { return a + b; }
  static S finish(S sum, int64_t) { return sum; }
};
struct Mean : Sum<float> {
  static float finish(float sum, int64_t count) { return sum / static_cast<float>(count); }
};
struct Norm1 : Sum<float> {
  static float add(float sum, float x) { return sum + vec::abs(x); }
};
struct Norm2 : Sum<float> {
  static float add(float sum, float x) { return sum + x * x; }
  static float finish(float sum, int64_t) { return std::sqrt(sum); }
};
template <typename S>
struct Product {
  static constexpr S kStart = 1;
  static S add(S product, S x) { return product * x; }
  static S join(S a, S b) { return a * b; }
  static S finish(S product, int64_t) { return product; }
};
template <typename S>
struct Greatest {
  static constexpr S kStart = kLowest<S>;
  static S add(S a, S b) { return onednn::greater(a, b); }
  static S join(S a, S b) { return onednn::greater(a, b); }
  static S finish(S all, int64_t) { return all; }
};
template <typename S>
struct Least {
  static constexpr S kStart = kHighest<S>;
  static S add(S a, S b) { return onednn::lesser(a, b); }
  static S join(S a, S b) { return onednn::lesser(a, b); }
  static S finish(S all, int64_t) { return all; }
};

/// Folds what belongs to the lanes from `x` on, add(sum, element, lane), into `all`.
template <int kLanes, typename S, typename T, typename Add, typename Join>
inline void fold_lanes(const ReducePlan& plan, const T* x, S start, const Add& add,
                       const Join& join, S (&all)[kLanes]) {
  constexpr int64_t kPart = 256;  // short sums are exact enough in float
  const int64_t run = plan.run, step = plan.step;
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) all[l] = start;
  for (const int64_t offset : plan.folds) {
    const T* from = x + offset;
    if (kLanes == 1 && step == 1) {
      const auto add_first = [&](S sum, S value) { return add(sum, value, 0); };
      all[0] = join(all[0], onednn::fold(from, run, start, add_first, join));
      continue;
    }
    for (int64_t begin = 0; begin < run; begin += kPart) {
      S part[kLanes];
#pragma omp simd
      for (int l = 0; l < kLanes; ++l) part[l] = start;
      for (int64_t k = begin; k < std::min(run, begin + kPart); ++k) {
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) part[l] = add(part[l], load(from + k * step + l), l);
      }
#pragma omp simd
      for (int l = 0; l < kLanes; ++l) all[l] = join(all[l], part[l]);
    }
  }
}

/// The lanes of one output row, from `x` and to `out`.
template <typename Kind, int kLanes, typename T, typename Out>
inline void reduce_lanes(const ReducePlan& plan, const T* x, Out* out) {
  using S = std::remove_const_t<decltype(Kind::kStart)>;
  S all[kLanes];
  const auto add = [](S sum, S value, int) { return Kind::add(sum, value); };
  fold_lanes(plan, x, Kind::kStart, add, Kind::join, all);
  const int64_t count = plan.folded();
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) store(out + l, Kind::finish(all[l], count));
}

/// The greatest is taken out first, so that nothing overflows.
struct LogSumExp {};
template <typename Kind, int kLanes, typename T>
requires std::is_same_v<Kind, LogSumExp>
inline void reduce_lanes(const ReducePlan& plan, const T* x, T* out) {
  float most[kLanes], all[kLanes];
  const auto greatest = [](float a, float b, int) { return onednn::greater(a, b); };
  const auto join = [](float a, float b) { return onednn::greater(a, b); };
  fold_lanes(plan, x, kLowest<float>, greatest, join, most);
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) most[l] = vec::abs(most[l]) > 3.4028234e38F ? 0 : most[l];
  const auto grow = [&](float sum, float value, int l) { return sum + vec::exp(value - most[l]); };
  fold_lanes(plan, x, 0.0F, grow, Sum<float>::join, all);
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) store(out + l, vec::log(all[l]) + most[l]);
}

/// The first of the greatest ones; NaN counts as such. One axis alone is folded.
struct ArgMax {};
template <typename Kind, int kLanes, typename T>
requires std::is_same_v<Kind, ArgMax>
inline void reduce_lanes(const ReducePlan& plan, const T* x, int64_t* out) {
  using S = decltype(load(x));
  S best[kLanes];
  int64_t place[kLanes] = {};
  for (int l = 0; l < kLanes; ++l) best[l] = load(x + l);
  for (int64_t k = 1; k < plan.run; ++k) {
    for (int l = 0; l < kLanes; ++l) {
      const S value = load(x + k * plan.step + l);
      if (onednn::greater(best[l], value) == best[l] || best[l] != best[l]) continue;
      best[l] = value;
      place[l] = k;
    }
  }
  for (int l = 0; l < kLanes; ++l) out[l] = place[l];
}

template <typename Kind, typename T, typename Out>
onednn::Kernel kernel_of(ReducePlan plan) {
  const int64_t lanes = plan.rows.empty() ? 1 : plan.rows[0].lanes;
  const int64_t grain = onednn::grain_of(plan.folded() * std::max<int64_t>(1, lanes / 8));
  const auto shared = std::make_shared<const ReducePlan>(std::move(plan));
  return [shared, grain](const onednn::Pointers& p) {
    const auto* x = reinterpret_cast<const T*>(p.in[0]);
    auto* out = reinterpret_cast<Out*>(p.out[0]);
    const auto rows = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto& row = shared->rows[static_cast<size_t>(i)];
        onednn::in_lanes(row.lanes, [&](auto lanes, int64_t at) {
          reduce_lanes<Kind, lanes()>(*shared, x + row.in + at, out + row.out + at);
        });
      }
    };
    const auto count = static_cast<int64_t>(shared->rows.size());
    onednn::parallel_for(count, grain, [&](int64_t begin, int64_t end) {
      if constexpr (std::is_integral_v<T>) return rows(begin, end);
      onednn::vectorized([&] { rows(begin, end); });
    });
  };
}

template <typename T>
onednn::Kernel floating_kernel(ReduceKind kind, ReducePlan plan) {
  switch (kind) {
    case ReduceKind::kSum:
      return kernel_of<Sum<float>, T, T>(std::move(plan));
    case ReduceKind::kMean:
      return kernel_of<Mean, T, T>(std::move(plan));
    case ReduceKind::kMax:
      return kernel_of<Greatest<float>, T, T>(std::move(plan));
    case ReduceKind::kMin:
      return kernel_of<Least<float>, T, T>(std::move(plan));
    case ReduceKind::kProd:
      return kernel_of<Product<float>, T, T>(std::move(plan));
    case ReduceKind::kNorm1:
      return kernel_of<Norm1, T, T>(std::move(plan));
    case ReduceKind::kNorm2:
      return kernel_of<Norm2, T, T>(std::move(plan));
    case ReduceKind::kLogSumExp:
      return kernel_of<LogSumExp, T, T>(std::move(plan));
    case ReduceKind::kArgMax:
      return kernel_of<ArgMax, T, int64_t>(std::move(plan));
  }
  return nullptr;
}

/// None for the kinds that need floating elements.
template <typename T>
onednn::Kernel whole_kernel(ReduceKind kind, ReducePlan plan) {
  switch (kind) {
    case ReduceKind::kSum:
      return kernel_of<Sum<int64_t>, T, int64_t>(std::move(plan));
    case ReduceKind::kProd:
      return kernel_of<Product<int64_t>, T, int64_t>(std::move(plan));
    case ReduceKind::kMax:
      return kernel_of<Greatest<int64_t>, T, T>(std::move(plan));
    case ReduceKind::kMin:
      return kernel_of<Least<int64_t>, T, T>(std::move(plan));
    case ReduceKind::kArgMax:
      return kernel_of<ArgMax, T, int64_t>(std::move(plan));
    default:
      return nullptr;
  }
}

/// None where there is no kernel for elements of this type.
onednn::Kernel reduce_kernel(ReduceKind kind, DType stored, ReducePlan plan) {
  switch (stored) {
    case DType::kF32:
      return floating_kernel<float>(kind, std::move(plan));
    case DType::kBF16:
      return floating_kernel<onednn::Bf16>(kind, std::move(plan));
    case DType::kI64:
      return whole_kernel<int64_t>(kind, std::move(plan));
    case DType::kI32:
      return whole_kernel<int32_t>(kind, std::move(plan));
    case DType::kU8:
    case DType::kBool:
      return whole_kernel<uint8_t>(kind, std::move(plan));
    default:
      return nullptr;
  }
}

std::vector<bool> folded_axes(const Reduce& op, size_t rank) {
  std::vector<bool> folded(rank, op.axes.empty());
  for (const int64_t axis : op.axes) folded[resolve_axis(axis, rank)] = true;
  return folded;
}

/// Whether a blocked map may be folded as it lies: its spatial axes go, and nothing else does. The
/// lanes that fill up the last block must fold to zero where the result is blocked too.
bool folds_space(const Reduce& op, const TensorType& x, const std::vector<bool>& folded) {
  for (size_t i = 0; i < folded.size(); ++i) {
    if (folded[i] != (i >= 2)) return false;
  }
  const bool zero = op.kind != ReduceKind::kLogSumExp && op.kind != ReduceKind::kArgMax;
  return !op.keep_axes || (zero && x.elements() > 0);
}

/// Steps of softmax that are over `inner` lanes side by side; one piece of lanes.
template <int kLanes, bool kLog, typename T>
inline void softmax_lanes(const T* x, T* out, int64_t count, int64_t inner) {
  float most[kLanes], sum[kLanes];
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) most[l] = kLowest<float>, sum[l] = 0;
  for (int64_t k = 0; k < count; ++k) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) most[l] = onednn::greater(most[l], load(x + k * inner + l));
  }
  for (int64_t k = 0; k < count; ++k) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) sum[l] += vec::exp(load(x + k * inner + l) - most[l]);
  }
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) sum[l] = kLog ? most[l] + vec::log(sum[l]) : 1.0F / sum[l];
  for (int64_t k = 0; k < count; ++k) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
      const float value = load(x + k * inner + l);
      store(out + k * inner + l, kLog ? value - sum[l] : vec::exp(value - most[l]) * sum[l]);
    }
  }
}

/// The last axis: vectors run along it.
template <bool kLog, typename T>
inline void softmax_row(const T* x, T* out, int64_t count) {
  const auto join = [](float a, float b) { return onednn::greater(a, b); };
  const float most = onednn::fold(x, count, kLowest<float>, join, join);
  const auto grow = [most](float sum, float value) { return sum + vec::exp(value - most); };
  const float sum = onednn::fold(x, count, 0.0F, grow, Sum<float>::join);
  const float rest = kLog ? most + vec::log(sum) : 1.0F / sum;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float value = load(x + i);
    store(out + i, kLog ? value - rest : vec::exp(value - most) * rest);
  }
}

template <bool kLog, typename T>
onednn::Kernel softmax_kernel(int64_t outer, int64_t count, int64_t inner) {
  constexpr int64_t kPiece = 64;
  const int64_t pieces = (inner + kPiece - 1) / kPiece;
  const int64_t grain = onednn::grain_of(8 * count * std::max<int64_t>(1, inner / pieces / 8));
  return [=](const onednn::Pointers& p) {
    const auto* x = reinterpret_cast<const T*>(p.in[0]);
    auto* out = reinterpret_cast<T*>(p.out[0]);
    onednn::parallel_for(outer * pieces, grain, [&](int64_t begin, int64_t end) {
      onednn::vectorized([&] {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t first = i % pieces * kPiece;
          const int64_t at = i / pieces * count * inner + first;
          if (inner == 1) {
            softmax_row<kLog>(x + at, out + at, count);
            continue;
          }
          onednn::in_lanes(std::min(kPiece, inner - first), [&](auto lanes, int64_t l) {
            softmax_lanes<lanes(), kLog>(x + at + l, out + at + l, count, inner);
          });
        }
      });
    });
  };
}

}  // namespace

void lower(const Reduce& op, onednn::LowerCall& call) {
  const auto title = names(op.kind)[static_cast<size_t>(op.kind)];
  const TensorType& x = call.in_type(0);
  const auto folded = folded_axes(op, x.rank());
  const Form lies = call.form(0);
  const bool space = lies.layout == Layout::kBlocked && folds_space(op, x, folded);
  const Form form{lies.dtype, space ? Layout::kBlocked : Layout::kPlain};
  auto run = reduce_kernel(op.kind, form.dtype,
                           space ? onednn::reduce_space_plan(x.shape, op.keep_axes)
                                 : onednn::reduce_plan(x.shape, folded));
  if (run == nullptr) call.give_up(fmt::format("{} of {} has no kernel", title, name(x.dtype)));
  const DType result = is_floating(call.out_type().dtype) ? form.dtype : call.out_type().dtype;
  const Layout layout = space && op.keep_axes ? Layout::kBlocked : Layout::kPlain;
  const Ref in = call.in(0, form);
  call.kernel(fmt::format("{} of {}", title, to_string(x.shape)), {in},
              {call.out(0, {result, layout})}, std::move(run));
}

void lower(const Softmax& op, onednn::LowerCall& call) {
  onednn::need_f32(call, "softmax and log_softmax");
  const Shape& x = call.in_type(0).shape;
  const Form form{call.form(0).dtype, Layout::kPlain};
  const size_t axis = resolve_axis(op.axis, x.size());
  const auto at = x.begin() + static_cast<int64_t>(axis);
  const auto product = [](auto begin, auto end) {
    return std::accumulate(begin, end, int64_t{1}, std::multiplies<>());
  };
  const int64_t outer = product(x.begin(), at), inner = product(at + 1, x.end());
  const int64_t count = x[axis];
  onednn::Kernel run = [](const onednn::Pointers&) {};
  if (outer * count * inner > 0) {
    onednn::with_floating(form.dtype, [&]<typename T>(T) {
      run = op.log ? softmax_kernel<true, T>(outer, count, inner)
                   : softmax_kernel<false, T>(outer, count, inner);
    });
  }
  const Ref in = call.in(0, form);
  call.kernel(fmt::format("{} over {}", op.log ? "log_softmax" : "softmax", count), {in},
              {call.out(0, form)}, std::move(run), 0);
}

}  // namespace rung::ops
