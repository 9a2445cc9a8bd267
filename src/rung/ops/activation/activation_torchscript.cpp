#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

AtenResult apply(AtenCall& call, Op op) {
  return {{call.add(std::move(op), {call.cast(call.tensor(0), call.result_dtype())})}};
}

template <UnaryFn Fn>
AtenResult unary(AtenCall& call) {
  if (Fn == UnaryFn::kLogicalNot) return {{call.add(Unary{Fn}, {call.tensor(0)})}};
  return apply(call, Unary{Fn});
}

// input, slope
AtenResult leaky_relu(AtenCall& call) { return apply(call, LeakyRelu{call.number(1)}); }

// input, alpha, scale, input_scale
AtenResult elu(AtenCall& call) {
  if (call.number(2) != 1 || call.number(3) != 1) return std::nullopt;
  return apply(call, Elu{call.number(1)});
}

// input, approximation
AtenResult gelu(AtenCall& call) { return apply(call, Gelu{call.text(1) == "tanh"}); }

// input, beta, threshold
AtenResult softplus(AtenCall& call) {
  return apply(call, Softplus{.beta = call.number(1), .threshold = call.number(2)});
}

AtenResult bounded(AtenCall& call, std::optional<size_t> low, std::optional<size_t> high) {
  Clamp op;
  for (const auto& [place, bound] : {std::pair{low, &op.low}, std::pair{high, &op.high}}) {
    if (!place || !call.given(*place)) continue;
    if (call.is_tensor(*place)) return std::nullopt;
    *bound = call.number(*place);
  }
  return apply(call, op);
}

AtenResult clamp(AtenCall& call) { return bounded(call, 1, 2); }
AtenResult clamp_min(AtenCall& call) { return bounded(call, 1, {}); }
AtenResult clamp_max(AtenCall& call) { return bounded(call, {}, 1); }

// input, weight
AtenResult prelu(AtenCall& call) { return {{call.add(PRelu{}, {call.tensor(0), call.tensor(1)})}}; }

constexpr AtenEntry kActivationRules[] = {
    {"aten::relu", unary<UnaryFn::kRelu>},
    {"aten::relu6", unary<UnaryFn::kRelu6>},
    {"aten::sigmoid", unary<UnaryFn::kSigmoid>},
    {"aten::tanh", unary<UnaryFn::kTanh>},
    {"aten::silu", unary<UnaryFn::kSilu>},
    {"aten::mish", unary<UnaryFn::kMish>},
    {"aten::hardswish", unary<UnaryFn::kHardSwish>},
    {"aten::hardsigmoid", unary<UnaryFn::kHardSigmoid>},
    {"aten::selu", unary<UnaryFn::kSelu>},
    {"aten::log_sigmoid", unary<UnaryFn::kLogSigmoid>},
    {"aten::exp", unary<UnaryFn::kExp>},
    {"aten::log", unary<UnaryFn::kLog>},
    {"aten::log1p", unary<UnaryFn::kLog1p>},
    {"aten::sqrt", unary<UnaryFn::kSqrt>},
    {"aten::rsqrt", unary<UnaryFn::kRsqrt>},
    {"aten::square", unary<UnaryFn::kSquare>},
    {"aten::reciprocal", unary<UnaryFn::kReciprocal>},
    {"aten::abs", unary<UnaryFn::kAbs>},
    {"aten::absolute", unary<UnaryFn::kAbs>},
    {"aten::neg", unary<UnaryFn::kNeg>},
    {"aten::negative", unary<UnaryFn::kNeg>},
    {"aten::sign", unary<UnaryFn::kSign>},
    {"aten::erf", unary<UnaryFn::kErf>},
    {"aten::sin", unary<UnaryFn::kSin>},
    {"aten::cos", unary<UnaryFn::kCos>},
    {"aten::tan", unary<UnaryFn::kTan>},
    {"aten::atan", unary<UnaryFn::kAtan>},
    {"aten::floor", unary<UnaryFn::kFloor>},
    {"aten::ceil", unary<UnaryFn::kCeil>},
    {"aten::round", unary<UnaryFn::kRound>},
    {"aten::logical_not", unary<UnaryFn::kLogicalNot>},
    {"aten::leaky_relu", leaky_relu},
    {"aten::elu", elu},
    {"aten::gelu", gelu},
    {"aten::softplus", softplus},
    {"aten::clamp", clamp},
    {"aten::clip", clamp},
    {"aten::hardtanh", clamp},
    {"aten::clamp_min", clamp_min},
    {"aten::clamp_max", clamp_max},
    {"aten::prelu", prelu},
};

}  // namespace

AtenRules activation_rules() { return kActivationRules; }

}  // namespace rung::ops
