#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

bool is_number(AtenCall& call, size_t i) { return !call.is_tensor(i); }

/// The dtype that torch computes in: for comparisons and logic the operands', else the result's.
DType compute_dtype(AtenCall& call, BinaryFn fn) {
  if (!is_predicate(fn)) return call.result_dtype();
  const bool number = is_number(call, 1) || is_number(call, 0);
  const size_t tensor = is_number(call, 0) ? 1 : 0;
  const DType a = call.type(call.tensor(tensor)).dtype;
  if (!number) {
    const DType b = call.type(call.tensor(1)).dtype;
    return is_floating(b) && !is_floating(a) ? b : a;
  }
  const bool fraction = call.value(1 - tensor).isDouble();
  return fraction && !is_floating(a) ? DType::kF32 : a;
}

Ref operand(AtenCall& call, size_t i, DType dtype) {
  return is_number(call, i) ? call.scalar(call.number(i), dtype) : call.cast(call.tensor(i), dtype);
}

AtenResult apply(AtenCall& call, BinaryFn fn, size_t a, size_t b) {
  const DType dtype = compute_dtype(call, fn);
  return {{call.add(Binary{fn}, {operand(call, a, dtype), operand(call, b, dtype)})}};
}

// a, b
template <BinaryFn Fn>
AtenResult binary(AtenCall& call) {
  return apply(call, Fn, 0, 1);
}

// a, b, alpha: a ± alpha · b; reversed b ± alpha · a
template <BinaryFn Fn, size_t A, size_t B>
AtenResult scaled(AtenCall& call) {
  const DType dtype = call.result_dtype();
  const Ref a = operand(call, A, dtype);
  Ref b = operand(call, B, dtype);
  const double alpha = call.size() > 2 ? call.number(2) : 1;
  if (alpha != 1) b = call.add(Binary{BinaryFn::kMul}, {b, call.scalar(alpha, dtype)});
  return {{call.add(Binary{Fn}, {a, b})}};
}

// a, b, rounding_mode
AtenResult div(AtenCall& call) {
  if (call.size() > 2 && call.given(2)) return std::nullopt;
  return apply(call, BinaryFn::kDiv, 0, 1);
}

// base, exponent
AtenResult pow(AtenCall& call) {
  if (is_number(call, 1) && call.number(1) == 2) {
    return {{call.add(Unary{UnaryFn::kSquare}, {call.cast(call.tensor(0), call.result_dtype())})}};
  }
  return apply(call, BinaryFn::kPow, 0, 1);
}

template <BinaryFn Fn>
AtenResult bitwise(AtenCall& call) {
  if (call.result_dtype() != DType::kBool) return std::nullopt;
  return apply(call, Fn, 0, 1);
}

AtenResult select(AtenCall& call, Ref condition, Ref yes, Ref no) {
  return {{call.add(Where{}, {call.cast(condition, DType::kBool), yes, no})}};
}

// condition, a, b
AtenResult where(AtenCall& call) {
  if (call.size() != 3) return std::nullopt;
  const DType dtype = call.result_dtype();
  return select(call, call.tensor(0), operand(call, 1, dtype), operand(call, 2, dtype));
}

// input, mask, value
AtenResult masked_fill(AtenCall& call) {
  const DType dtype = call.result_dtype();
  return select(call, call.tensor(1), operand(call, 2, dtype), operand(call, 0, dtype));
}

constexpr AtenEntry kElementwiseRules[] = {
    {"aten::add", scaled<BinaryFn::kAdd, 0, 1>},
    {"aten::sub", scaled<BinaryFn::kSub, 0, 1>},
    {"aten::subtract", scaled<BinaryFn::kSub, 0, 1>},
    {"aten::rsub", scaled<BinaryFn::kSub, 1, 0>},
    {"aten::mul", binary<BinaryFn::kMul>},
    {"aten::multiply", binary<BinaryFn::kMul>},
    {"aten::div", div},
    {"aten::divide", div},
    {"aten::true_divide", div},
    {"aten::pow", pow},
    {"aten::minimum", binary<BinaryFn::kMin>},
    {"aten::maximum", binary<BinaryFn::kMax>},
    {"aten::remainder", binary<BinaryFn::kRemainder>},
    {"aten::eq", binary<BinaryFn::kEqual>},
    {"aten::ne", binary<BinaryFn::kNotEqual>},
    {"aten::lt", binary<BinaryFn::kLess>},
    {"aten::le", binary<BinaryFn::kLessEqual>},
    {"aten::gt", binary<BinaryFn::kGreater>},
    {"aten::ge", binary<BinaryFn::kGreaterEqual>},
    {"aten::logical_and", binary<BinaryFn::kAnd>},
    {"aten::logical_or", binary<BinaryFn::kOr>},
    {"aten::logical_xor", binary<BinaryFn::kXor>},
    {"aten::__and__", bitwise<BinaryFn::kAnd>},
    {"aten::__or__", bitwise<BinaryFn::kOr>},
    {"aten::bitwise_and", bitwise<BinaryFn::kAnd>},
    {"aten::bitwise_or", bitwise<BinaryFn::kOr>},
    {"aten::where", where},
    {"aten::masked_fill", masked_fill},
};

}  // namespace

AtenRules elementwise_rules() { return kElementwiseRules; }

}  // namespace rung::ops
