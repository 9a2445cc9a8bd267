#include <cmath>
#include <limits>

#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

template <UnaryFn Fn>
OnnxResult unary(OnnxCall& call) {
  return {call.unary(Fn, call.tensor(0))};
}

/// An ATen function of one tensor.
template <const char* const& Schema>
OnnxResult aten(OnnxCall& call) {
  return {Aten(call, Schema).input(call.tensor(0)).like()};
}
constexpr const char* kAsin = "aten::asin(Tensor self) -> Tensor";
constexpr const char* kAcos = "aten::acos(Tensor self) -> Tensor";
constexpr const char* kAsinh = "aten::asinh(Tensor self) -> Tensor";
constexpr const char* kAcosh = "aten::acosh(Tensor self) -> Tensor";
constexpr const char* kAtanh = "aten::atanh(Tensor self) -> Tensor";
constexpr const char* kSinh = "aten::sinh(Tensor self) -> Tensor";
constexpr const char* kCosh = "aten::cosh(Tensor self) -> Tensor";
constexpr const char* kNot = "aten::bitwise_not(Tensor self) -> Tensor";

OnnxResult leaky_relu(OnnxCall& call) {
  return {call.add(LeakyRelu{.slope = call.number("alpha", 0.01)}, {call.tensor(0)})};
}

OnnxResult elu(OnnxCall& call) {
  return {call.add(Elu{.alpha = call.number("alpha", 1)}, {call.tensor(0)})};
}

// alpha · (exp(x / alpha) - 1) below zero, x above: alpha · elu(x / alpha)
OnnxResult celu(OnnxCall& call) {
  const double alpha = call.number("alpha", 1);
  const Ref y = call.add(Elu{}, {call.with_number(BinaryFn::kDiv, call.tensor(0), alpha)});
  return {call.with_number(BinaryFn::kMul, y, alpha)};
}

// gamma · (alpha · exp(x) - alpha) below zero, gamma · x above
OnnxResult selu(OnnxCall& call) {
  constexpr double kAlpha = 1.67326319217681884765625, kGamma = 1.05070102214813232421875;
  const double alpha = call.number("alpha", kAlpha), gamma = call.number("gamma", kGamma);
  if (std::fabs(alpha - kAlpha) < 1e-6 && std::fabs(gamma - kGamma) < 1e-6) {
    return {call.unary(UnaryFn::kSelu, call.tensor(0))};
  }
  const Ref y = call.add(Elu{.alpha = alpha}, {call.tensor(0)});
  return {call.with_number(BinaryFn::kMul, y, gamma)};
}

// max(0, min(1, alpha · x + beta))
OnnxResult hard_sigmoid(OnnxCall& call) {
  const double alpha = call.number("alpha", 0.2), beta = call.number("beta", 0.5);
  const Ref x = call.tensor(0);
  if (std::fabs(alpha - 1.0 / 6) < 1e-6 && beta == 0.5) {
    return {call.unary(UnaryFn::kHardSigmoid, x)};
  }
  const Ref y = call.with_number(BinaryFn::kAdd, call.with_number(BinaryFn::kMul, x, alpha), beta);
  return {call.add(Clamp{.low = 0, .high = 1}, {y})};
}

OnnxResult softplus(OnnxCall& call) {
  return {call.add(Softplus{.threshold = 1e30}, {call.tensor(0)})};
}

OnnxResult gelu(OnnxCall& call) {
  return {call.add(Gelu{.tanh = call.text("approximate", "none") == "tanh"}, {call.tensor(0)})};
}

// x · sigmoid(alpha · x)
OnnxResult swish(OnnxCall& call) {
  const double alpha = call.number("alpha", 1);
  const Ref x = call.tensor(0);
  if (alpha == 1) return {call.unary(UnaryFn::kSilu, x)};
  const Ref gate = call.unary(UnaryFn::kSigmoid, call.with_number(BinaryFn::kMul, x, alpha));
  return {call.binary(BinaryFn::kMul, x, gate)};
}

OnnxResult swiglu(OnnxCall& call) {
  return {call.binary(BinaryFn::kMul, swish(call)[0], call.tensor(1))};
}

// x where x > alpha, else 0
OnnxResult thresholded_relu(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const Ref above = call.with_number(BinaryFn::kGreater, x, call.number("alpha", 1));
  return {call.add(Where{}, {above, x, call.scalar(0, call.type(x).dtype)})};
}

// x + bias below -lambd, x - bias above lambd, else 0
OnnxResult shrink(OnnxCall& call) {
  const double bias = call.number("bias", 0), lambda = call.number("lambd", 0.5);
  const Ref x = call.tensor(0);
  const Ref zero = call.scalar(0, call.type(x).dtype);
  const Ref high = call.add(Where{}, {call.with_number(BinaryFn::kGreater, x, lambda),
                                      call.with_number(BinaryFn::kSub, x, bias), zero});
  return {call.add(Where{}, {call.with_number(BinaryFn::kLess, x, -lambda),
                             call.with_number(BinaryFn::kAdd, x, bias), high})};
}

// The slope is broadcast to x from the right: [C, 1, 1] is one per channel.
OnnxResult prelu(OnnxCall& call) {
  const Ref x = call.tensor(0), slope = call.tensor(1);
  const Shape shape = call.type(slope).shape;
  const size_t rank = call.type(x).rank();
  int64_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  const size_t places = call.opset() < 7 ? 1 : rank - 1;  // of old, the slope was one per channel
  const bool channels = rank >= 2 && shape.size() == places && elements == shape[0] &&
                        shape[0] == call.type(x).shape[1];
  if (elements == 1 || channels) {
    const Ref flat = shape.size() == 1 ? slope : call.add(Reshape{.shape = {elements}}, {slope});
    return {call.add(PRelu{}, {x, flat})};
  }
  const Ref below = call.binary(BinaryFn::kMul, x, slope);
  return {call.add(Where{}, {call.with_number(BinaryFn::kLess, x, 0), below, x})};
}

// x, min, max: inputs since opset 11
OnnxResult clip(OnnxCall& call) {
  const Ref x = call.tensor(0);
  Clamp op;
  Ref y = x;
  const auto bound = [&](size_t i, const char* attribute, std::optional<double>& value,
                         BinaryFn fn) {
    if (call.has(attribute)) value = call.number(attribute);
    if (!call.given(i)) return;
    if (call.known(i)) {
      value = call.number(i);
    } else {
      y = call.binary(fn, y, call.tensor(i));
    }
  };
  bound(1, "min", op.low, BinaryFn::kMax);
  bound(2, "max", op.high, BinaryFn::kMin);
  if (op.low && op.high && *op.low > *op.high) op.low = op.high;  // as ONNX: the upper bound wins
  return {op.low || op.high ? call.add(op, {y}) : y};
}

OnnxResult is_nan(OnnxCall& call) {
  const Ref x = call.tensor(0);
  return {call.binary(BinaryFn::kNotEqual, x, x)};
}

OnnxResult is_inf(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const bool low = call.integer("detect_negative", 1) != 0;
  const bool high = call.integer("detect_positive", 1) != 0;
  const double infinity = std::numeric_limits<double>::infinity();
  if (low && high) {
    return {call.with_number(BinaryFn::kEqual, call.unary(UnaryFn::kAbs, x), infinity)};
  }
  if (low || high) return {call.with_number(BinaryFn::kEqual, x, low ? -infinity : infinity)};
  return {call.add(FullLike{.value = 0}, {call.cast(x, DType::kBool)})};
}

constexpr OnnxEntry kActivationRules[] = {
    {"Relu", unary<UnaryFn::kRelu>},
    {"Sigmoid", unary<UnaryFn::kSigmoid>},
    {"Tanh", unary<UnaryFn::kTanh>},
    {"Mish", unary<UnaryFn::kMish>},
    {"HardSwish", unary<UnaryFn::kHardSwish>},
    {"Softsign", unary<UnaryFn::kSoftsign>},
    {"Exp", unary<UnaryFn::kExp>},
    {"Log", unary<UnaryFn::kLog>},
    {"Sqrt", unary<UnaryFn::kSqrt>},
    {"Reciprocal", unary<UnaryFn::kReciprocal>},
    {"Abs", unary<UnaryFn::kAbs>},
    {"Neg", unary<UnaryFn::kNeg>},
    {"Sign", unary<UnaryFn::kSign>},
    {"Erf", unary<UnaryFn::kErf>},
    {"Sin", unary<UnaryFn::kSin>},
    {"Cos", unary<UnaryFn::kCos>},
    {"Tan", unary<UnaryFn::kTan>},
    {"Atan", unary<UnaryFn::kAtan>},
    {"Floor", unary<UnaryFn::kFloor>},
    {"Ceil", unary<UnaryFn::kCeil>},
    {"Round", unary<UnaryFn::kRound>},
    {"Not", unary<UnaryFn::kLogicalNot>},
    {"Asin", aten<kAsin>},
    {"Acos", aten<kAcos>},
    {"Asinh", aten<kAsinh>},
    {"Acosh", aten<kAcosh>},
    {"Atanh", aten<kAtanh>},
    {"Sinh", aten<kSinh>},
    {"Cosh", aten<kCosh>},
    {"BitwiseNot", aten<kNot>},
    {"LeakyRelu", leaky_relu},
    {"Elu", elu},
    {"Celu", celu},
    {"Selu", selu},
    {"HardSigmoid", hard_sigmoid},
    {"Softplus", softplus},
    {"Gelu", gelu},
    {"Swish", swish},
    {"SwiGLU", swiglu},
    {"ThresholdedRelu", thresholded_relu},
    {"Shrink", shrink},
    {"PRelu", prelu},
    {"Clip", clip},
    {"IsNaN", is_nan},
    {"IsInf", is_inf},
};

}  // namespace

OnnxRules activation_onnx() { return kActivationRules; }

}  // namespace rung::ops
