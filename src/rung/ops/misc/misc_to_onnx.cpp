#include "rung/ops/onnx_export.h"

namespace rung::ops {

// A file is for inference: what acts in training alone leaves nothing.
OnnxValues to_onnx(const Dropout&, OnnxWriter& w) { return {w.in(0)}; }
OnnxValues to_onnx(const Detach&, OnnxWriter& w) { return {w.in(0)}; }

OnnxValues to_onnx(const Cast& op, OnnxWriter& w) { return {w.cast(w.in(0), op.dtype)}; }

OnnxValues to_onnx(const FullLike& op, OnnxWriter& w) {
  const OnnxValue value = w.number(op.value, w.type(0).dtype);
  return {w.add("Expand", {value, w.add("Shape", {w.in(0)})})};
}

OnnxValues to_onnx(const ArangeLike& op, OnnxWriter& w) {
  const OnnxValue places = w.range(w.extent(0, op.axis));
  return {op.dtype == DType::kI64 ? places : w.cast(places, op.dtype)};
}

}  // namespace rung::ops
