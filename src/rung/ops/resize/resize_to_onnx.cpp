#include <algorithm>
#include <cmath>
#include <numeric>

#include "rung/base/error.h"
#include "rung/ops/check.h"
#include "rung/ops/onnx_export.h"

namespace rung::ops {
namespace {

/// How torch maps places of the result to places of x.
OnnxAttributes attributes_of(ResizeMode mode, bool align_corners) {
  if (mode == ResizeMode::kNearest) {
    return {{"mode", "nearest"},
            {"coordinate_transformation_mode", "asymmetric"},
            {"nearest_mode", "floor"}};
  }
  OnnxAttributes out{
      {"mode", mode == ResizeMode::kCubic ? "cubic" : "linear"},
      {"coordinate_transformation_mode", align_corners ? "align_corners" : "half_pixel"}};
  if (mode == ResizeMode::kCubic) out.emplace("cubic_coeff_a", -0.75);
  return out;
}

Sizes inverse(const Sizes& order) {
  Sizes out(order.size());
  for (size_t i = 0; i < order.size(); ++i)
    out[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  return out;
}

/// x, input 0, with `axes` (ascending) resampled to `to`.
OnnxValue resized(OnnxWriter& w, const Sizes& axes, const std::vector<OnnxSize>& to,
                  ResizeMode mode, bool align_corners) {
  const auto rank = static_cast<int64_t>(w.type(0).rank());
  Sizes order;  // the resampled axes last, where ONNX Runtime wants them
  for (int64_t i = 0; i < rank; ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
  }
  order.insert(order.end(), axes.begin(), axes.end());
  OnnxValue x = w.in(0);
  if (mode == ResizeMode::kArea) {
    for (size_t i = 0; i < axes.size(); ++i) {
      x = pooled(w, x, static_cast<size_t>(axes[i]), PoolKind::kAverage, to[i]);
    }
    return x;
  }
  x = w.transpose(x, order);
  std::vector<OnnxSize> sizes;
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t resampled = order.size() - axes.size();
    sizes.push_back(i < resampled ? w.extent(0, order[i]) : to[i - resampled]);
  }
  x = w.add("Resize", {x, "", "", w.list(sizes)}, attributes_of(mode, align_corners));
  return w.transpose(x, inverse(order));
}

/// Of `spare` elements, how many lie before the anchored part.
OnnxSize before(OnnxWriter& w, Anchor anchor, const OnnxSize& spare) {
  switch (anchor) {
    case Anchor::kCenter:
      return w.quotient(spare, 2);
    case Anchor::kBegin:
      return {.number = 0};
    case Anchor::kEnd:
      return spare;
  }
  fail_bug("unknown anchor");
}

/// floor(S · scale), of an axis of x.
OnnxSize scaled(OnnxWriter& w, int64_t axis, double scale) {
  const OnnxSize size = w.extent(0, axis);
  if (size.number) {
    return {.number = static_cast<int64_t>(std::floor(static_cast<double>(*size.number) * scale))};
  }
  const OnnxValue exact = w.cast(size.tensor, DType::kF64);
  const OnnxValue product = w.add("Mul", {exact, w.number(scale, DType::kF64)});
  return {.number = {}, .tensor = w.cast(w.add("Floor", {product}), DType::kI64)};
}

}  // namespace

OnnxValues to_onnx(const Resize& op, OnnxWriter& w) {
  Sizes axes(w.type(0).rank() - 2);
  std::iota(axes.begin(), axes.end(), 2);
  std::vector<OnnxSize> to;
  if (!op.size.empty()) {
    for (const int64_t size : per_axis(Resize::kName, "size", op.size, axes.size(), 1, 1)) {
      to.push_back({.number = size});
    }
    return {resized(w, axes, to, op.mode, op.align_corners)};
  }
  // ONNX aligns the corners of S · scale elements, LibTorch those of as many as there will be.
  if (op.mode == ResizeMode::kArea || op.align_corners) {
    for (size_t i = 0; i < axes.size(); ++i) to.push_back(scaled(w, axes[i], op.scale[i]));
    return {resized(w, axes, to, op.mode, op.align_corners)};
  }
  std::vector<float> factors{1, 1};
  const Dims from = w.sizes(0), result = w.result_sizes();
  for (size_t i = 0; i < axes.size(); ++i) {
    // Where a factor leaves the size as it is, LibTorch resamples nothing.
    const bool stays = op.mode == ResizeMode::kLinear && from[i + 2].seen == result[i + 2].seen;
    factors.push_back(stays ? 1 : static_cast<float>(op.scale[i]));
  }
  const auto count = static_cast<int64_t>(factors.size());
  return {w.add("Resize", {w.in(0), "", w.constant(Tensor::f32({count}, factors))},
                attributes_of(op.mode, op.align_corners))};
}

OnnxValues to_onnx(const ResizeLike& op, OnnxWriter& w) {
  std::vector<OnnxSize> to;
  for (const int64_t axis : op.like_axes) to.push_back(w.extent(1, axis));
  return {resized(w, op.axes, to, op.mode, op.align_corners)};
}

OnnxValues to_onnx(const CropLike& op, OnnxWriter& w) {
  std::vector<OnnxSize> begin, end;
  for (size_t i = 0; i < op.axes.size(); ++i) {
    const OnnxSize size = w.extent(1, op.like_axes[i]);
    const OnnxSize spare = w.difference(w.extent(0, op.axes[i]), size);
    begin.push_back(before(w, op.anchor, spare));
    end.push_back(w.sum(begin.back(), size));
  }
  return {w.add("Slice", {w.in(0), w.list(begin), w.list(end), w.integers(op.axes)})};
}

OnnxValues to_onnx(const PadLike& op, OnnxWriter& w) {
  const size_t rank = w.type(0).rank();
  std::vector<OnnxSize> pads(2 * rank, OnnxSize{.number = 0});
  for (size_t i = 0; i < op.axes.size(); ++i) {
    const auto axis = static_cast<size_t>(op.axes[i]);
    const OnnxSize spare = w.difference(w.extent(1, op.like_axes[i]), w.extent(0, op.axes[i]));
    pads[axis] = before(w, op.anchor, spare);
    pads[rank + axis] = w.difference(spare, pads[axis]);
  }
  return {w.add("Pad", {w.in(0), w.list(pads), w.number(0, w.type(0).dtype)})};
}

OnnxValues to_onnx(const TokensToMap&, OnnxWriter& w) {
  const Dims x = w.sizes(0), like = w.sizes(1), to = w.result_sizes();
  const bool grid = to[2].seen == like[2].seen && to[3].seen == like[3].seen;
  if (!grid && (to[2].varies() || to[3].varies())) w.fix({to[2], to[3]});
  const OnnxSize height = grid ? w.extent(1, 2) : OnnxSize{.number = to[2].value()};
  const OnnxSize width = grid ? w.extent(1, 3) : OnnxSize{.number = to[3].value()};
  return {w.add("Reshape", {w.transpose(w.in(0), {0, 2, 1}),
                            w.list({{.number = 0}, {.number = 0}, height, width})})};
}

}  // namespace rung::ops
