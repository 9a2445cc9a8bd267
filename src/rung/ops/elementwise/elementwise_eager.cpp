#include "rung/base/error.h"
#include "rung/ops/eager.h"

namespace rung::ops {
namespace {

at::Tensor apply(BinaryFn fn, const at::Tensor& a, const at::Tensor& b) {
  switch (fn) {
    case BinaryFn::kAdd:
      return at::add(a, b);
    case BinaryFn::kSub:
      return at::sub(a, b);
    case BinaryFn::kMul:
      return at::mul(a, b);
    case BinaryFn::kDiv:
      return at::div(a, b);
    case BinaryFn::kPow:
      return at::pow(a, b);
    case BinaryFn::kMin:
      return at::minimum(a, b);
    case BinaryFn::kMax:
      return at::maximum(a, b);
    case BinaryFn::kRemainder:
      return at::remainder(a, b);
    case BinaryFn::kEqual:
      return at::eq(a, b);
    case BinaryFn::kNotEqual:
      return at::ne(a, b);
    case BinaryFn::kLess:
      return at::lt(a, b);
    case BinaryFn::kLessEqual:
      return at::le(a, b);
    case BinaryFn::kGreater:
      return at::gt(a, b);
    case BinaryFn::kGreaterEqual:
      return at::ge(a, b);
    case BinaryFn::kAnd:
      return at::logical_and(a, b);
    case BinaryFn::kOr:
      return at::logical_or(a, b);
    case BinaryFn::kXor:
      return at::logical_xor(a, b);
  }
  fail_bug("unknown binary function");
}

}  // namespace

Tensors run(const Binary& op, const Tensors& in, const RunContext&) {
  return {apply(op.fn, in[0], in[1])};
}

Tensors run(const Where&, const Tensors& in, const RunContext&) {
  return {at::where(in[0], in[1], in[2])};
}

}  // namespace rung::ops
