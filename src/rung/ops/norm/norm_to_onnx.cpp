#include <numeric>

#include "rung/ops/onnx_export.h"

namespace rung::ops {
namespace {

/// (x - mean) / sqrt(var + eps) over these axes.
OnnxValue normalised(OnnxWriter& w, OnnxValue x, const Sizes& axes, double eps) {
  const DType dtype = w.type(0).dtype;
  const OnnxValue centred = w.add("Sub", {x, w.reduce("ReduceMean", x, axes, true)});
  const OnnxValue square = w.add("Mul", {centred, centred});
  const OnnxValue variance = w.reduce("ReduceMean", square, axes, true);
  const OnnxValue spread = w.add("Sqrt", {w.add("Add", {variance, w.number(eps, dtype)})});
  return w.add("Div", {centred, spread});
}

/// x · weight + bias, along axis 1; the weights are inputs 1 and 2.
OnnxValue scaled_channels(OnnxWriter& w, OnnxValue x) {
  Sizes axes(w.type(0).rank() - 2);
  std::iota(axes.begin(), axes.end(), 1);
  x = w.add("Mul", {x, w.unsqueeze(w.in(1), axes)});
  return w.add("Add", {x, w.unsqueeze(w.in(2), axes)});
}

}  // namespace

OnnxValues to_onnx(const BatchNorm& op, OnnxWriter& w) {
  const TensorType& x = w.type(0);
  if (!op.track) {
    Sizes axes;
    for (size_t i = 0; i < x.rank(); ++i) {
      if (i != 1) axes.push_back(static_cast<int64_t>(i));
    }
    const OnnxValue y = normalised(w, w.in(0), axes, op.eps);
    return {op.affine ? scaled_channels(w, y) : y};
  }
  const size_t running = op.affine ? 3 : 1;
  const int64_t channels = x.shape[1];
  return {w.add(
      "BatchNormalization",
      {w.in(0), op.affine ? w.in(1) : w.filled(channels, 1, x.dtype),
       op.affine ? w.in(2) : w.filled(channels, 0, x.dtype), w.in(running), w.in(running + 1)},
      {{"epsilon", op.eps}, {"momentum", 1 - op.momentum}})};
}

OnnxValues to_onnx(const LayerNorm& op, OnnxWriter& w) {
  const TensorType& x = w.type(0);
  if (w.opset() < 17) {
    Sizes axes;
    for (int64_t i = op.axes; i > 0; --i) axes.push_back(static_cast<int64_t>(x.rank()) - i);
    OnnxValue y = normalised(w, w.in(0), axes, op.eps);
    if (op.affine) y = w.add("Add", {w.add("Mul", {y, w.in(1)}), w.in(2)});
    return {y};
  }
  OnnxValues in{w.in(0)};
  if (op.affine) {
    in.insert(in.end(), {w.in(1), w.in(2)});
  } else {  // the scale is no option
    Tensor ones(x.dtype, Shape(x.shape.end() - op.axes, x.shape.end()));
    for (int64_t i = 0; i < ones.elements(); ++i) ones.set(i, 1);
    in.push_back(w.constant(ones));
  }
  return {w.add("LayerNormalization", in, {{"axis", -op.axes}, {"epsilon", op.eps}})};
}

// Each group is a channel of an instance norm.
OnnxValues to_onnx(const GroupNorm& op, OnnxWriter& w) {
  const TensorType& x = w.type(0);
  const OnnxValue grouped = w.add("Reshape", {w.in(0), w.integers({0, op.groups, -1})});
  OnnxValue y = w.add("InstanceNormalization",
                      {grouped, w.filled(op.groups, 1, x.dtype), w.filled(op.groups, 0, x.dtype)},
                      {{"epsilon", op.eps}});
  y = w.add("Reshape", {y, w.shape(w.sizes(0))});
  return {op.affine ? scaled_channels(w, y) : y};
}

OnnxValues to_onnx(const InstanceNorm& op, OnnxWriter& w) {
  const TensorType& x = w.type(0);
  const int64_t channels = x.shape[1];
  return {w.add("InstanceNormalization",
                {w.in(0), op.affine ? w.in(1) : w.filled(channels, 1, x.dtype),
                 op.affine ? w.in(2) : w.filled(channels, 0, x.dtype)},
                {{"epsilon", op.eps}})};
}

}  // namespace rung::ops
