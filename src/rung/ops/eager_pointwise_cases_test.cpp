// Random cases of the ops that work element by element, and of Opaque.
#include "rung/ops/eager_cases.h"

namespace rung::ops {
namespace {

/// Where a function and its gradient are well behaved.
Draw domain(UnaryFn fn) {
  switch (fn) {
    case UnaryFn::kLog:
    case UnaryFn::kLog1p:
    case UnaryFn::kSqrt:
    case UnaryFn::kRsqrt:
    case UnaryFn::kReciprocal:
      return Draw::kPositive;
    case UnaryFn::kTan:
      return Draw::kUnit;
    case UnaryFn::kExp:
    case UnaryFn::kErf:
      return Draw::kNormal;
    default:
      return Draw::kSpread;
  }
}

bool takes_whole_numbers(UnaryFn fn) {
  switch (fn) {
    case UnaryFn::kRelu:
    case UnaryFn::kRelu6:
    case UnaryFn::kSquare:
    case UnaryFn::kAbs:
    case UnaryFn::kNeg:
    case UnaryFn::kSign:
    case UnaryFn::kFloor:
    case UnaryFn::kCeil:
    case UnaryFn::kRound:
    case UnaryFn::kLogicalNot:
      return true;
    default:
      return false;
  }
}

Case pointwise(Rng& rng, Op op, Draw draw = Draw::kSpread) {
  return {.op = std::move(op), .inputs = {floats(any_shape(rng, 0, 4), draw)}};
}

/// A shape that broadcasts to `shape`: axes of one, leading axes missing.
Shape broadcastable(Rng& rng, Shape shape) {
  for (int64_t& size : shape) {
    if (chance(rng, 0.25)) size = 1;
  }
  const auto drop = rng.integer(0, static_cast<int64_t>(shape.size()));
  if (chance(rng, 0.3)) shape.erase(shape.begin(), shape.begin() + drop);
  return shape;
}

}  // namespace

Case random_case(For<Unary>, Rng& rng) {
  const Unary op{.fn = pick_enum<UnaryFn>(rng)};
  Case result = pointwise(rng, op, domain(op.fn));
  if (op.fn == UnaryFn::kLogicalNot) result.gradient = Gradient::kCut;
  if (takes_whole_numbers(op.fn) && chance(rng, 0.3)) {
    const auto dtype = pick(rng, std::vector<DType>{DType::kI64, DType::kI32, DType::kI8});
    result.inputs = {integers(any_shape(rng, 0, 4), -9, 9, dtype)};
    result.gradient = Gradient::kCut;
  }
  return result;
}

Case random_case(For<LeakyRelu>, Rng& rng) {
  return pointwise(rng, LeakyRelu{.slope = rng.uniform(0, 0.5)});
}
Case random_case(For<Elu>, Rng& rng) { return pointwise(rng, Elu{.alpha = rng.uniform(0.5, 2)}); }
Case random_case(For<Gelu>, Rng& rng) { return pointwise(rng, Gelu{.tanh = chance(rng, 0.5)}); }

Case random_case(For<Softplus>, Rng& rng) {
  // At the threshold the function jumps a little; that of the default is below rounding.
  return pointwise(rng, Softplus{.beta = rng.uniform(0.5, 2)});
}

Case random_case(For<Clamp>, Rng& rng) {
  Clamp op;
  if (chance(rng, 0.7)) op.low = static_cast<double>(rng.integer(-9, 0)) / 2;
  if (chance(rng, 0.7)) op.high = static_cast<double>(rng.integer(1, 9)) / 2;
  Case result = pointwise(rng, op);
  if (chance(rng, 0.2)) {
    result.inputs = {integers(any_shape(rng, 0, 4), -9, 9, DType::kI32)};
    result.gradient = Gradient::kCut;
  }
  return result;
}

Case random_case(For<PRelu>, Rng& rng) {
  const Shape x = any_shape(rng, 2, 4);
  const Shape slope = {chance(rng, 0.5) ? 1 : x[1]};
  return {.op = PRelu{}, .inputs = {floats(x, Draw::kSpread), floats(slope)}};
}

Case random_case(For<Binary>, Rng& rng) {
  const Binary op{.fn = pick_enum<BinaryFn>(rng)};
  const Shape shape = any_shape(rng, 0, 4, 3);
  Case result{.op = op, .gradient = is_predicate(op.fn) ? Gradient::kCut : Gradient::kSmooth};
  const Shape a = broadcastable(rng, shape);
  const Shape b = broadcastable(rng, shape);
  if (op.fn != BinaryFn::kPow && chance(rng, 0.25)) {
    result.inputs = {integers(a, -5, 5, DType::kI32), integers(b, 1, 5, DType::kI32)};
    result.gradient = Gradient::kCut;
    return result;
  }
  switch (op.fn) {
    case BinaryFn::kDiv:
      result.inputs = {floats(a), floats(b, Draw::kPositive)};
      break;
    case BinaryFn::kPow:
      result.inputs = {floats(a, Draw::kPositive), floats(b)};
      break;
    case BinaryFn::kRemainder: {
      CaseInput divisor = floats(b, Draw::kWhole);
      divisor.low = 1;
      divisor.high = 3;
      result.inputs = {floats(a, Draw::kSpread), divisor};
      break;
    }
    default:
      result.inputs = {floats(a), floats(b)};
  }
  return result;
}

Case random_case(For<Where>, Rng& rng) {
  const Shape shape = any_shape(rng, 0, 4, 3);
  return {.op = Where{},
          .inputs = {integers(broadcastable(rng, shape), 0, 1, DType::kBool),
                     floats(broadcastable(rng, shape)), floats(broadcastable(rng, shape))}};
}

Case random_case(For<Dropout>, Rng& rng) {
  Dropout op{.p = chance(rng, 0.1) ? 1 : rng.uniform(0, 0.9), .channels = chance(rng, 0.5)};
  return {.op = op, .inputs = {floats(any_shape(rng, 2, 4))}, .training = chance(rng, 0.7)};
}

Case random_case(For<Cast>, Rng& rng) {
  Cast op{.dtype =
              pick(rng, std::vector<DType>{DType::kF64, DType::kF16, DType::kBF16, DType::kI8,
                                           DType::kI16, DType::kI32, DType::kI64, DType::kBool})};
  Case result = pointwise(rng, op);
  if (op.dtype != DType::kF64) result.gradient = Gradient::kRounded;
  if (!is_floating(op.dtype)) result.gradient = Gradient::kCut;
  return result;
}

Case random_case(For<Detach>, Rng& rng) {
  Case result = pointwise(rng, Detach{});
  result.gradient = Gradient::kCut;
  return result;
}

Case random_case(For<FullLike>, Rng& rng) {
  Case result = pointwise(rng, FullLike{.value = rng.uniform(-2, 2)});
  result.gradient = Gradient::kCut;
  return result;
}

Case random_case(For<ArangeLike>, Rng& rng) {
  const Shape like = any_shape(rng, 1, 4);
  const DType dtype = chance(rng, 0.5) ? DType::kI64 : DType::kF32;
  return {.op = ArangeLike{any_axis(rng, like.size()), dtype},
          .inputs = {floats(like)},
          .gradient = Gradient::kCut};
}

Case random_case(For<Opaque>, Rng& rng) {
  const Shape x = sizes(rng, 3, 1, 4);
  const TensorType type(DType::kF32, x);
  const TensorType slice(DType::kF32, {x[0], x[1]});
  switch (rng.integer(0, 2)) {
    case 0:
      return {.op = Opaque{.schema = "aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None)"
                                     " -> Tensor",
                           .arguments = R"([{"input":0},{"value":1,"kind":"int"},)"
                                        R"({"value":null,"kind":"none"}])",
                           .types = {type}},
              .inputs = {floats(x)}};
    case 1:
      return {.op = Opaque{.schema = "aten::unbind.int(Tensor(a -> *) self, int dim=0)"
                                     " -> Tensor(a)[]",
                           .arguments = R"([{"input":0},{"value":2,"kind":"int"}])",
                           .types = std::vector<TensorType>(static_cast<size_t>(x[2]), slice)},
              .inputs = {floats(x)}};
    default:
      return {.op = Opaque{.schema = "aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor",
                           .arguments = R"([{"input":0},{"inputs":[null,1]}])",
                           .types = {type}},
              .inputs = {floats(x), integers({x[1]}, 0, x[1] - 1)}};
  }
}

}  // namespace rung::ops
