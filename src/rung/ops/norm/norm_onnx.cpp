#include <cmath>
#include <numeric>

#include "rung/base/error.h"
#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

Ref reduced(OnnxCall& call, ReduceKind kind, Ref x, const Sizes& axes) {
  return call.add(Reduce{.kind = kind, .axes = axes, .keep_axes = true}, {x});
}

/// By the batch's own statistics at all times, which are mixed into the running ones: three
/// results, as the file asks for.
OnnxResult batch_norm_of_batch(OnnxCall& call) {
  const size_t rank = call.rank(0);
  Sizes axes, behind;
  for (size_t i = 0; i < rank; ++i) {
    if (i != 1) axes.push_back(static_cast<int64_t>(i));
    if (i > 1) behind.push_back(static_cast<int64_t>(i) - 1);
  }
  const auto along = [&](Ref x) {
    return behind.empty() ? x : call.add(Unsqueeze{.axes = behind}, {x});
  };
  const auto mean_of = [&](Ref x) {
    return call.add(Reduce{.kind = ReduceKind::kMean, .axes = axes}, {x});
  };
  const Ref x = call.tensor(0), mean = mean_of(x);
  const Ref centred = call.binary(BinaryFn::kSub, x, along(mean));
  const Ref variance = mean_of(call.unary(UnaryFn::kSquare, centred));
  const Ref factor = call.unary(
      UnaryFn::kRsqrt, call.with_number(BinaryFn::kAdd, variance, call.number("epsilon", 1e-5)));
  Ref y = call.binary(BinaryFn::kMul, centred, along(factor));
  y = call.binary(BinaryFn::kMul, y, along(call.tensor(1)));
  y = call.binary(BinaryFn::kAdd, y, along(call.tensor(2)));
  const double kept = call.number("momentum", 0.9);
  const auto mixed = [&](size_t old, Ref now) {
    return call.binary(BinaryFn::kAdd, call.with_number(BinaryFn::kMul, call.buffer(old), kept),
                       call.with_number(BinaryFn::kMul, now, 1 - kept));
  };
  return {y, mixed(3, mean), mixed(4, variance)};
}

OnnxResult batch_norm(OnnxCall& call) {
  if (call.integer("training_mode", 0) != 0 && call.used(1)) return batch_norm_of_batch(call);
  if (call.used(1)) fail_unsupported("the statistics of BatchNormalization as of opset 13");
  if (call.integer("spatial", 1) == 0) {
    fail_unsupported("BatchNormalization per element (spatial = 0)");
  }
  std::vector<Ref> in;
  for (size_t i = 0; i < 5; ++i) in.push_back(i < 3 ? call.tensor(i) : call.buffer(i));
  // ONNX keeps `momentum` of the old statistics, PyTorch takes it of the new.
  const double momentum = std::round((1 - call.number("momentum", 0.9)) * 1e7) / 1e7;
  return {call.add(BatchNorm{.eps = call.number("epsilon", 1e-5), .momentum = momentum}, in)};
}

OnnxResult instance_norm(OnnxCall& call) {
  return {call.add(InstanceNorm{.eps = call.number("epsilon", 1e-5)},
                   {call.tensor(0), call.tensor(1), call.tensor(2)})};
}

Sizes last_axes(OnnxCall& call) {
  const size_t rank = call.rank(0);
  Sizes axes(rank - resolve_axis(call.integer("axis", -1), rank));
  std::iota(axes.begin(), axes.end(), static_cast<int64_t>(rank - axes.size()));
  return axes;
}

OnnxResult layer_norm(OnnxCall& call) {
  const Sizes axes = last_axes(call);
  const Ref x = call.tensor(0);
  const double eps = call.number("epsilon", 1e-5);
  const bool statistics =
      (call.results() > 1 && call.used(1)) || (call.results() > 2 && call.used(2));
  const Shape shape = call.type(x).shape;
  const Shape normal(shape.end() - static_cast<int64_t>(axes.size()), shape.end());
  const auto fits = [&](size_t i) { return call.type(call.tensor(i)).shape == normal; };
  if (!statistics && fits(1) && (!call.given(2) || fits(2))) {
    std::vector<Ref> in{x, call.tensor(1)};
    in.push_back(call.given(2) ? call.tensor(2) : call.add(FullLike{}, {in[1]}));
    return {call.add(LayerNorm{.axes = static_cast<int64_t>(axes.size()), .eps = eps}, in)};
  }
  const Ref mean = reduced(call, ReduceKind::kMean, x, axes);
  const Ref centred = call.binary(BinaryFn::kSub, x, mean);
  const Ref variance =
      reduced(call, ReduceKind::kMean, call.unary(UnaryFn::kSquare, centred), axes);
  const Ref factor = call.unary(UnaryFn::kRsqrt, call.with_number(BinaryFn::kAdd, variance, eps));
  Ref y = call.binary(BinaryFn::kMul, call.binary(BinaryFn::kMul, centred, factor), call.tensor(1));
  if (call.given(2)) y = call.binary(BinaryFn::kAdd, y, call.tensor(2));
  return {y, mean, factor};
}

// x / sqrt(mean(x²) + eps) · scale
OnnxResult rms_norm(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const Ref mean =
      reduced(call, ReduceKind::kMean, call.unary(UnaryFn::kSquare, x), last_axes(call));
  const Ref factor = call.unary(
      UnaryFn::kRsqrt, call.with_number(BinaryFn::kAdd, mean, call.number("epsilon", 1e-5)));
  return {call.binary(BinaryFn::kMul, call.binary(BinaryFn::kMul, x, factor), call.tensor(1))};
}

// The scale is one per channel since opset 21, one per group before.
OnnxResult group_norm(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const int64_t groups = call.integer("num_groups"), channels = call.type(x).shape.at(1);
  std::vector<Ref> in{x};
  for (size_t i : {1, 2}) {
    Ref w = call.tensor(i);
    if (call.type(w).shape == Shape{groups} && groups != channels && groups > 0) {
      w = call.add(Unsqueeze{.axes = {1}}, {w});
      w = call.add(Expand{.shape = {groups, channels / groups}}, {w});
      w = call.add(Reshape{.shape = {channels}}, {w});
    }
    in.push_back(w);
  }
  return {call.add(GroupNorm{.groups = groups, .eps = call.number("epsilon", 1e-5)}, in)};
}

// x / (bias + alpha / size · Σ x² over `size` neighbouring channels) ^ beta
OnnxResult lrn(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const int64_t size = call.integer("size");
  const auto swapped = [&](Ref y) {  // channels as the last axis, and back
    return call.add(Transpose{.order = {0, 3, 2, 1}}, {y});
  };
  if (call.type(x).rank() != 4)
    fail_unsupported("LRN of a tensor with {} axes", call.type(x).rank());
  Ref sum = swapped(call.unary(UnaryFn::kSquare, x));
  Pad pad{.begin = {0, 0, 0, (size - 1) / 2}, .end = {0, 0, 0, size - 1 - (size - 1) / 2}};
  sum = call.add(pad, {sum});
  sum = call.add(Pool{.kind = PoolKind::kAverage, .kernel = {1, size}, .stride = {1, 1}}, {sum});
  sum = swapped(sum);
  const Ref base = call.with_number(
      BinaryFn::kAdd, call.with_number(BinaryFn::kMul, sum, call.number("alpha", 1e-4)),
      call.number("bias", 1));
  return {call.binary(BinaryFn::kDiv, x,
                      call.with_number(BinaryFn::kPow, base, call.number("beta", 0.75)))};
}

OnnxResult lp_norm(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const int64_t p = call.integer("p", 2), axis = call.integer("axis", -1);
  const Ref size = reduced(call, p == 1 ? ReduceKind::kNorm1 : ReduceKind::kNorm2, x, {axis});
  // Zero over zero is zero here.
  const Ref safe = call.add(Where{}, {call.with_number(BinaryFn::kEqual, size, 0),
                                      call.scalar(1, call.type(x).dtype), size});
  return {call.binary(BinaryFn::kDiv, x, safe)};
}

OnnxResult mean_variance(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const Sizes axes = call.integers("axes", Sizes{0, 2, 3});
  const Ref centred = call.binary(BinaryFn::kSub, x, reduced(call, ReduceKind::kMean, x, axes));
  const Ref variance =
      reduced(call, ReduceKind::kMean, call.unary(UnaryFn::kSquare, centred), axes);
  const Ref deviation =
      call.with_number(BinaryFn::kAdd, call.unary(UnaryFn::kSqrt, variance), 1e-9);
  return {call.binary(BinaryFn::kDiv, centred, deviation)};
}

constexpr OnnxEntry kNormRules[] = {
    {"BatchNormalization", batch_norm}, {"InstanceNormalization", instance_norm},
    {"LayerNormalization", layer_norm}, {"RMSNormalization", rms_norm},
    {"GroupNormalization", group_norm}, {"LRN", lrn},
    {"LpNormalization", lp_norm},       {"MeanVarianceNormalization", mean_variance},
};

}  // namespace

OnnxRules norm_onnx() { return kNormRules; }

}  // namespace rung::ops
