#include "rung/base/error.h"
#include "rung/ops/onnx_export.h"

namespace rung::ops {
namespace {

const char* name_of(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum:
      return "ReduceSum";
    case ReduceKind::kMean:
      return "ReduceMean";
    case ReduceKind::kMax:
      return "ReduceMax";
    case ReduceKind::kMin:
      return "ReduceMin";
    case ReduceKind::kProd:
      return "ReduceProd";
    case ReduceKind::kNorm1:
      return "ReduceL1";
    case ReduceKind::kNorm2:
      return "ReduceL2";
    case ReduceKind::kLogSumExp:
      return "ReduceLogSumExp";
    case ReduceKind::kArgMax:
      return "ArgMax";
  }
  fail_bug("unknown reduction");
}

}  // namespace

OnnxValues to_onnx(const Reduce& op, OnnxWriter& w) {
  const DType to = w.result().dtype;
  if (op.kind == ReduceKind::kArgMax) {
    // No axis: the first of all elements, as in a list of them.
    const bool all = op.axes.empty();
    const OnnxValue x = all ? w.add("Reshape", {w.in(0), w.integers({-1})}) : w.in(0);
    if (all && op.keep_axes) fail_unsupported("arg_max over all axes that keeps them");
    return {w.add("ArgMax", {x},
                  {{"axis", all ? 0 : op.axes[0]}, {"keepdims", int64_t{op.keep_axes}}})};
  }
  // Sums and products of whole numbers are i64; ONNX keeps the type.
  return {w.reduce(name_of(op.kind), w.cast_input(0, to), op.axes, op.keep_axes)};
}

OnnxValues to_onnx(const Softmax& op, OnnxWriter& w) {
  return {w.add(op.log ? "LogSoftmax" : "Softmax", {w.in(0)}, {{"axis", op.axis}})};
}

}  // namespace rung::ops
