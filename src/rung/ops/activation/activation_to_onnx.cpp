#include <cmath>
#include <numbers>
#include <numeric>

#include "rung/base/error.h"
#include "rung/ops/onnx_export.h"

namespace rung::ops {
namespace {

/// Functions that ONNX has under a name of its own.
const char* name_of(UnaryFn fn) {
  switch (fn) {
    case UnaryFn::kRelu:
      return "Relu";
    case UnaryFn::kSigmoid:
      return "Sigmoid";
    case UnaryFn::kTanh:
      return "Tanh";
    case UnaryFn::kSelu:
      return "Selu";
    case UnaryFn::kSoftsign:
      return "Softsign";
    case UnaryFn::kExp:
      return "Exp";
    case UnaryFn::kLog:
      return "Log";
    case UnaryFn::kSqrt:
      return "Sqrt";
    case UnaryFn::kReciprocal:
      return "Reciprocal";
    case UnaryFn::kAbs:
      return "Abs";
    case UnaryFn::kNeg:
      return "Neg";
    case UnaryFn::kSign:
      return "Sign";
    case UnaryFn::kErf:
      return "Erf";
    case UnaryFn::kSin:
      return "Sin";
    case UnaryFn::kCos:
      return "Cos";
    case UnaryFn::kTan:
      return "Tan";
    case UnaryFn::kAtan:
      return "Atan";
    case UnaryFn::kFloor:
      return "Floor";
    case UnaryFn::kCeil:
      return "Ceil";
    case UnaryFn::kRound:
      return "Round";
    default:
      return nullptr;
  }
}

OnnxValue clip(OnnxWriter& w, OnnxValue x, double low, double high) {
  const DType dtype = w.type(0).dtype;
  return w.add("Clip", {x, w.number(low, dtype), w.number(high, dtype)});
}

OnnxValue hard_sigmoid(OnnxWriter& w) {
  return w.add("HardSigmoid", {w.in(0)}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
}

}  // namespace

OnnxValues to_onnx(const Unary& op, OnnxWriter& w) {
  const OnnxValue x = w.in(0);
  const DType dtype = w.type(0).dtype;
  const bool rounds =
      op.fn == UnaryFn::kFloor || op.fn == UnaryFn::kCeil || op.fn == UnaryFn::kRound;
  if (rounds && !is_floating(dtype)) return {x};
  if (const char* name = name_of(op.fn)) return {w.add(name, {x})};
  switch (op.fn) {
    case UnaryFn::kRelu6:
      return {clip(w, x, 0, 6)};
    case UnaryFn::kSilu:
      return {w.add("Mul", {x, w.add("Sigmoid", {x})})};
    case UnaryFn::kMish:
      return {w.add("Mul", {x, w.add("Tanh", {w.add("Softplus", {x})})})};
    case UnaryFn::kHardSwish:
      if (w.opset() >= 14) return {w.add("HardSwish", {x})};
      return {w.add("Mul", {x, hard_sigmoid(w)})};
    case UnaryFn::kHardSigmoid:
      return {hard_sigmoid(w)};
    case UnaryFn::kLogSigmoid:  // -softplus(-x)
      return {w.add("Neg", {w.add("Softplus", {w.add("Neg", {x})})})};
    case UnaryFn::kLog1p:
      return {w.add("Log", {w.add("Add", {x, w.number(1, dtype)})})};
    case UnaryFn::kRsqrt:
      return {w.add("Reciprocal", {w.add("Sqrt", {x})})};
    case UnaryFn::kSquare:
      return {w.add("Mul", {x, x})};
    case UnaryFn::kLogicalNot:
      return {w.add("Not", {w.cast_input(0, DType::kBool)})};
    default:
      fail_bug("unknown unary function");
  }
}

OnnxValues to_onnx(const LeakyRelu& op, OnnxWriter& w) {
  return {w.add("LeakyRelu", {w.in(0)}, {{"alpha", op.slope}})};
}

OnnxValues to_onnx(const Elu& op, OnnxWriter& w) {
  return {w.add("Elu", {w.in(0)}, {{"alpha", op.alpha}})};
}

// x · Φ(x), with Φ(x) = (1 + erf(x / √2)) / 2, or its approximation
// (1 + tanh(√(2/π) · (x + 0.044715 · x³))) / 2.
OnnxValues to_onnx(const Gelu& op, OnnxWriter& w) {
  const OnnxValue x = w.in(0);
  const DType dtype = w.type(0).dtype;
  if (w.opset() >= 20) return {w.add("Gelu", {x}, {{"approximate", op.tanh ? "tanh" : "none"}})};
  const auto times = [&](const OnnxValue& a, double b) {
    return w.add("Mul", {a, w.number(b, dtype)});
  };
  OnnxValue inner;
  if (op.tanh) {
    const OnnxValue cube = w.add("Mul", {w.add("Mul", {x, x}), x});
    const OnnxValue sum = w.add("Add", {x, times(cube, 0.044715)});
    inner = w.add("Tanh", {times(sum, std::sqrt(2 / std::numbers::pi))});
  } else {
    inner = w.add("Erf", {w.add("Div", {x, w.number(std::numbers::sqrt2, dtype)})});
  }
  const OnnxValue both = w.add("Add", {inner, w.number(1, dtype)});
  return {times(w.add("Mul", {x, both}), 0.5)};
}

OnnxValues to_onnx(const Softplus& op, OnnxWriter& w) {
  const DType dtype = w.type(0).dtype;
  const bool scales = op.beta != 1;
  const OnnxValue x = scales ? w.add("Mul", {w.in(0), w.number(op.beta, dtype)}) : w.in(0);
  OnnxValue y = w.add("Softplus", {x});
  if (scales) y = w.add("Div", {y, w.number(op.beta, dtype)});
  if (op.threshold >= 20) return {y};  // where the difference is below a float's own
  const OnnxValue far = w.add("Greater", {x, w.number(op.threshold, dtype)});
  return {w.add("Where", {far, w.in(0), y})};
}

OnnxValues to_onnx(const Clamp& op, OnnxWriter& w) {
  const DType dtype = w.type(0).dtype;
  if (!op.low && !op.high) return {w.in(0)};
  OnnxValues in{w.in(0), op.low ? w.number(*op.low, dtype) : ""};
  if (op.high) in.push_back(w.number(*op.high, dtype));
  return {w.add("Clip", in)};
}

OnnxValues to_onnx(const PRelu&, OnnxWriter& w) {
  const size_t rank = w.type(0).rank();
  Sizes axes(rank > 2 && w.type(1).elements() != 1 ? rank - 2 : 0);
  std::iota(axes.begin(), axes.end(), 1);
  return {w.add("PRelu", {w.in(0), w.unsqueeze(w.in(1), axes)})};
}

}  // namespace rung::ops
