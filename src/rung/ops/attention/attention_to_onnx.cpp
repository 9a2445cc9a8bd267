#include <cmath>
#include <limits>
#include <numeric>

#include "rung/ops/onnx_export.h"

namespace rung::ops {

OnnxValues to_onnx(const Attention& op, OnnxWriter& w) {
  const TensorType& q = w.type(0);
  const OnnxValue never = w.number(-std::numeric_limits<double>::infinity(), q.dtype);
  const double scale = op.scale.value_or(1 / std::sqrt(static_cast<double>(q.shape.back())));
  Sizes order(w.type(1).rank());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 2], order.back());
  const OnnxValue scaled = w.add("Mul", {w.in(0), w.number(scale, q.dtype)});
  OnnxValue scores = w.add("MatMul", {scaled, w.transpose(w.in(1), order)});
  if (op.has_mask && w.type(3).dtype == DType::kBool) {
    scores = w.add("Where", {w.in(3), scores, never});
  } else if (op.has_mask) {
    scores = w.add("Add", {scores, w.in(3)});
  }
  if (op.causal) {  // [T, 1] against [1, S]: whether a place is seen
    const OnnxValue rows = w.unsqueeze(w.range(w.extent(0, -2)), {1});
    const OnnxValue columns = w.unsqueeze(w.range(w.extent(1, -2)), {0});
    const OnnxValue later = w.add("Less", {rows, columns});
    scores = w.add("Where", {later, never, scores});
  }
  const OnnxValue weights = w.add("Softmax", {scores}, {{"axis", int64_t{-1}}});
  return {w.add("MatMul", {weights, w.in(2)})};
}

}  // namespace rung::ops
