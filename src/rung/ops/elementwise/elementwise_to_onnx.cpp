#include "rung/base/error.h"
#include "rung/ops/onnx_export.h"

namespace rung::ops {
namespace {

const char* name_of(BinaryFn fn) {
  switch (fn) {
    case BinaryFn::kAdd:
      return "Add";
    case BinaryFn::kSub:
      return "Sub";
    case BinaryFn::kMul:
      return "Mul";
    case BinaryFn::kDiv:
      return "Div";
    case BinaryFn::kPow:
      return "Pow";
    case BinaryFn::kMin:
      return "Min";
    case BinaryFn::kMax:
      return "Max";
    case BinaryFn::kRemainder:
      return "Mod";
    case BinaryFn::kEqual:
    case BinaryFn::kNotEqual:
      return "Equal";
    case BinaryFn::kLess:
      return "Less";
    case BinaryFn::kLessEqual:
      return "LessOrEqual";
    case BinaryFn::kGreater:
      return "Greater";
    case BinaryFn::kGreaterEqual:
      return "GreaterOrEqual";
    case BinaryFn::kAnd:
      return "And";
    case BinaryFn::kOr:
      return "Or";
    case BinaryFn::kXor:
      return "Xor";
  }
  fail_bug("unknown binary function");
}

}  // namespace

OnnxValues to_onnx(const Binary& op, OnnxWriter& w) {
  const bool floating = is_floating(w.type(0).dtype);
  const bool logic = op.fn == BinaryFn::kAnd || op.fn == BinaryFn::kOr || op.fn == BinaryFn::kXor;
  OnnxValues in{w.in(0), w.in(1)};
  if (logic) in = {w.cast_input(0, DType::kBool), w.cast_input(1, DType::kBool)};
  if (op.fn == BinaryFn::kDiv && !floating) {
    in = {w.cast(in[0], w.result().dtype), w.cast(in[1], w.result().dtype)};
  }
  if (op.fn == BinaryFn::kRemainder && floating) {  // Mod has C's sign for these
    const OnnxValue times = w.add("Floor", {w.add("Div", in)});
    return {w.add("Sub", {in[0], w.add("Mul", {times, in[1]})})};
  }
  const OnnxValue y = w.add(name_of(op.fn), in);
  return {op.fn == BinaryFn::kNotEqual ? w.add("Not", {y}) : y};
}

OnnxValues to_onnx(const Where&, OnnxWriter& w) {
  return {w.add("Where", {w.in(0), w.in(1), w.in(2)})};
}

}  // namespace rung::ops
