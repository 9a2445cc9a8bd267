#include "rung/ops/onnx_export.h"

namespace rung::ops {

// Gemm takes matrices; other ranks multiply by the transposed weight, which keeps its name and
// layout in the file.
OnnxValues to_onnx(const Linear&, OnnxWriter& w) {
  if (w.type(0).rank() == 2) return {w.add("Gemm", w.inputs(), {{"transB", int64_t{1}}})};
  OnnxValue y = w.add("MatMul", {w.in(0), w.transpose(w.in(1), {1, 0})});
  if (w.size() > 2) y = w.add("Add", {y, w.in(2)});
  return {y};
}

OnnxValues to_onnx(const MatMul&, OnnxWriter& w) { return {w.add("MatMul", {w.in(0), w.in(1)})}; }

}  // namespace rung::ops
