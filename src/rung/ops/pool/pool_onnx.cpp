#include <algorithm>
#include <cmath>
#include <limits>

#include "rung/base/error.h"
#include "rung/ops/check.h"
#include "rung/ops/pool/pool_onnx.h"

namespace rung::ops {

Window pool_window(OnnxCall& call) {
  Window window = read_window(call, call.integers("kernel_shape"));
  if (call.rank(0) != window.kernel.size() + 2) {
    fail_user("the input has {} axes and the kernel {}", call.rank(0), window.kernel.size());
  }
  if (window.kernel.size() > 3) fail_unsupported("pools over more than 3 axes");
  return window;
}

namespace {

/// A border around the spatial axes.
Ref bordered(OnnxCall& call, Ref x, const Window& window, double value) {
  if (all_are(window.begin, 0) && all_are(window.end, 0)) return x;
  Pad op{.begin = {0, 0}, .end = {0, 0}, .value = value};
  op.begin.insert(op.begin.end(), window.begin.begin(), window.begin.end());
  op.end.insert(op.end.end(), window.end.begin(), window.end.end());
  return call.add(op, {x});
}

/// Whether Pool can take the padding itself: the same at both ends, at most half of the kernel.
bool takes_padding(const Window& window) {
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    if (window.begin[i] != window.end[i] || 2 * window.begin[i] > window.kernel[i]) return false;
  }
  return true;
}

OnnxResult max_pool(OnnxCall& call) {
  if (call.used(1)) return max_pool_with_places(call);
  const Window window = pool_window(call);
  const bool own = takes_padding(window);
  Ref x = call.tensor(0);
  const DType dtype = call.type(x).dtype;
  if (!is_floating(dtype)) x = call.cast(x, DType::kF32);
  if (!own) x = bordered(call, x, window, -std::numeric_limits<double>::infinity());
  const Ref y = call.add(Pool{.kind = PoolKind::kMax,
                              .kernel = window.kernel,
                              .stride = window.stride,
                              .padding = own ? window.begin : Sizes{},
                              .dilation = window.dilation,
                              .ceil_mode = call.integer("ceil_mode", 0) != 0},
                         {x});
  return {call.cast(y, dtype)};
}

/// The window with as much padding at the end that one more fits where a part of it lies in the
/// padded input: ceil_mode.
Window with_last_window(OnnxCall& call, Ref x, Window window) {
  const Dims sizes = call.sizes_of(x);
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    Dim rest = sizes.at(i + 2);
    for (auto& n : rest.seen) {
      const int64_t span = window.dilation[i] * (window.kernel[i] - 1) + 1;
      const int64_t free = n + window.begin[i] + window.end[i] - span;
      int64_t windows = (free + window.stride[i] - 1) / window.stride[i] + 1;
      if ((windows - 1) * window.stride[i] >= n + window.begin[i]) --windows;
      n = std::max<int64_t>(0, (windows - 1) * window.stride[i] - free);
    }
    if (rest.varies()) call.fix({rest});
    window.end[i] += rest.value();
  }
  return window;
}

/// The mean of each window as sums of the values and of the ones that count.
Ref mean_of_counted(OnnxCall& call, Ref x, const Window& window, bool ceil, bool padding_counts) {
  const auto sums = [&](Ref values) {
    // A convolution of ones, channel by channel, which knows dilations.
    const int64_t channels = call.type(values).shape.at(1);
    Shape shape{channels, 1};
    shape.insert(shape.end(), window.kernel.begin(), window.kernel.end());
    Tensor ones(call.type(x).dtype, {});
    ones.set(0, 1);
    const Ref kernel = call.add(Expand{.shape = shape}, {call.add(Constant{ones}, {})});
    return call.add(Conv{.stride = window.stride, .dilation = window.dilation, .groups = channels},
                    {values, kernel});
  };
  const Window grown = ceil ? with_last_window(call, x, window) : window;
  const Ref ones = call.add(FullLike{.value = 1}, {x});
  Ref counted = padding_counts ? bordered(call, ones, window, 1) : ones;
  Window around = grown;
  if (padding_counts) {
    for (size_t i = 0; i < window.kernel.size(); ++i) {
      around.begin[i] = 0;
      around.end[i] = grown.end[i] - window.end[i];
    }
  }
  counted = bordered(call, counted, around, 0);
  return call.add(Binary{BinaryFn::kDiv}, {sums(bordered(call, x, grown, 0)), sums(counted)});
}

OnnxResult average_pool(OnnxCall& call) {
  const Window window = pool_window(call);
  const bool counts = call.integer("count_include_pad", 0) != 0;
  const bool ceil = call.integer("ceil_mode", 0) != 0;
  const Ref x = call.tensor(0);
  const bool dilated =
      std::any_of(window.dilation.begin(), window.dilation.end(), [](int64_t n) { return n != 1; });
  if (dilated || !takes_padding(window)) {
    return {mean_of_counted(call, x, window, ceil, counts)};
  }
  return {call.add(Pool{.kind = PoolKind::kAverage,
                        .kernel = window.kernel,
                        .stride = window.stride,
                        .padding = window.begin,
                        .ceil_mode = ceil,
                        .count_include_pad = counts},
                   {x})};
}

// (Σ |x|^p) ^ (1/p) over each window
OnnxResult lp_pool(OnnxCall& call) {
  Window window = pool_window(call);
  const auto p = static_cast<double>(call.integer("p", 2));
  const Ref x = call.tensor(0);
  if (call.integer("ceil_mode", 0) != 0) window = with_last_window(call, x, window);
  Ref y = call.with_number(BinaryFn::kPow, call.unary(UnaryFn::kAbs, x), p);
  y = bordered(call, y, window, 0);
  const int64_t channels = call.type(x).shape.at(1);
  Shape shape{channels, 1};
  shape.insert(shape.end(), window.kernel.begin(), window.kernel.end());
  const Ref kernel = call.add(Expand{.shape = shape}, {call.scalar(1, call.type(x).dtype)});
  y = call.add(Conv{.stride = window.stride, .dilation = window.dilation, .groups = channels},
               {y, kernel});
  return {call.with_number(BinaryFn::kPow, y, 1 / p)};
}

template <PoolKind Kind>
OnnxResult global_pool(OnnxCall& call) {
  const size_t rank = call.rank(0);
  if (rank < 3 || rank > 5) fail_unsupported("a global pool of a tensor with {} axes", rank);
  return {call.add(AdaptivePool{.kind = Kind, .size = Sizes(rank - 2, 1)}, {call.tensor(0)})};
}

OnnxResult global_lp_pool(OnnxCall& call) {
  const auto p = static_cast<double>(call.integer("p", 2));
  Sizes axes;
  for (size_t i = 2; i < call.rank(0); ++i) axes.push_back(static_cast<int64_t>(i));
  Ref y = call.with_number(BinaryFn::kPow, call.unary(UnaryFn::kAbs, call.tensor(0)), p);
  y = call.add(Reduce{.kind = ReduceKind::kSum, .axes = axes, .keep_axes = true}, {y});
  return {call.with_number(BinaryFn::kPow, y, 1 / p)};
}

constexpr OnnxEntry kPoolRules[] = {
    {"MaxPool", max_pool},
    {"MaxUnpool", max_unpool},
    {"AveragePool", average_pool},
    {"LpPool", lp_pool},
    {"GlobalMaxPool", global_pool<PoolKind::kMax>},
    {"GlobalAveragePool", global_pool<PoolKind::kAverage>},
    {"GlobalLpPool", global_lp_pool},
};

}  // namespace

OnnxRules pool_onnx() { return kPoolRules; }

}  // namespace rung::ops
