#include "rung/base/error.h"
#include "rung/ops/eager.h"

namespace rung::ops {
namespace {

at::Tensor apply(UnaryFn fn, const at::Tensor& x) {
  switch (fn) {
    case UnaryFn::kRelu:
      return at::relu(x);
    case UnaryFn::kRelu6:
      return at::relu6(x);
    case UnaryFn::kSigmoid:
      return at::sigmoid(x);
    case UnaryFn::kTanh:
      return at::tanh(x);
    case UnaryFn::kSilu:
      return at::silu(x);
    case UnaryFn::kMish:
      return at::mish(x);
    case UnaryFn::kHardSwish:
      return at::hardswish(x);
    case UnaryFn::kHardSigmoid:
      return at::hardsigmoid(x);
    case UnaryFn::kSelu:
      return at::selu(x);
    case UnaryFn::kSoftsign:
      return x / (x.abs() + 1);
    case UnaryFn::kLogSigmoid:
      return at::log_sigmoid(x);
    case UnaryFn::kExp:
      return at::exp(x);
    case UnaryFn::kLog:
      return at::log(x);
    case UnaryFn::kLog1p:
      return at::log1p(x);
    case UnaryFn::kSqrt:
      return at::sqrt(x);
    case UnaryFn::kRsqrt:
      return at::rsqrt(x);
    case UnaryFn::kSquare:
      return at::square(x);
    case UnaryFn::kReciprocal:
      return at::reciprocal(x);
    case UnaryFn::kAbs:
      return at::abs(x);
    case UnaryFn::kNeg:
      return at::neg(x);
    case UnaryFn::kSign:
      return at::sign(x);
    case UnaryFn::kErf:
      return at::erf(x);
    case UnaryFn::kSin:
      return at::sin(x);
    case UnaryFn::kCos:
      return at::cos(x);
    case UnaryFn::kTan:
      return at::tan(x);
    case UnaryFn::kAtan:
      return at::atan(x);
    case UnaryFn::kFloor:
      return at::floor(x);
    case UnaryFn::kCeil:
      return at::ceil(x);
    case UnaryFn::kRound:
      return at::round(x);
    case UnaryFn::kLogicalNot:
      return at::logical_not(x);
  }
  fail_bug("unknown unary function");
}

}  // namespace

Tensors run(const Unary& op, const Tensors& in, const RunContext&) { return {apply(op.fn, in[0])}; }

Tensors run(const LeakyRelu& op, const Tensors& in, const RunContext&) {
  return {at::leaky_relu(in[0], op.slope)};
}

Tensors run(const Elu& op, const Tensors& in, const RunContext&) {
  return {at::elu(in[0], op.alpha)};
}

Tensors run(const Gelu& op, const Tensors& in, const RunContext&) {
  return {at::gelu(in[0], op.tanh ? "tanh" : "none")};
}

Tensors run(const Softplus& op, const Tensors& in, const RunContext&) {
  return {at::softplus(in[0], op.beta, op.threshold)};
}

Tensors run(const Clamp& op, const Tensors& in, const RunContext&) {
  if (!op.low && !op.high) return {in[0]};
  const auto bound = [](const std::optional<double>& value) {
    return value ? c10::optional<at::Scalar>(*value) : c10::nullopt;
  };
  // Bounds that are not whole turn whole numbers into floating ones.
  return {at::clamp(in[0], bound(op.low), bound(op.high)).to(in[0].scalar_type())};
}

Tensors run(const PRelu&, const Tensors& in, const RunContext&) {
  return {at::prelu(in[0], in[1])};
}

}  // namespace rung::ops
