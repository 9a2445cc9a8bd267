#include "rung/ops/onnx_export.h"

namespace rung::ops {

namespace {

/// Places in i32 or i64, as ONNX takes them.
OnnxValue places(OnnxWriter& w, size_t i) {
  return w.type(i).dtype == DType::kI32 ? w.in(i) : w.cast_input(i, DType::kI64);
}

}  // namespace

OnnxValues to_onnx(const Embedding&, OnnxWriter& w) {
  return {w.add("Gather", {w.in(1), places(w, 0)}, {{"axis", int64_t{0}}})};
}

OnnxValues to_onnx(const Gather& op, OnnxWriter& w) {
  return {w.add("Gather", {w.in(0), places(w, 1)}, {{"axis", op.axis}})};
}

}  // namespace rung::ops
