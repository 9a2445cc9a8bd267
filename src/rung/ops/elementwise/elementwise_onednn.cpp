#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>

#include "rung/ops/kernel.h"
#include "rung/ops/onednn.h"
#include "rung/ops/pointwise.h"
#include "rung/ops/pointwise_functions.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::Kernel;
using onednn::Layout;
using onednn::LowerCall;
using onednn::Pointers;
using onednn::Ref;

/// Where an operand's elements lie, for each axis of the result; 0 where it is broadcast.
Shape strides_in(const Shape& operand, const Shape& result) {
  Shape strides(result.size(), 0);
  int64_t stride = 1;
  for (size_t i = operand.size(); i-- > 0; stride *= operand[i]) {
    if (operand[i] != 1) strides[result.size() - operand.size() + i] = stride;
  }
  return strides;
}

/// body(i, places): element i of the result, and where each operand's is. For the rare types.
template <size_t N, typename Body>
void each_element(const Shape& shape, const std::array<Shape, N>& strides, const Body& body) {
  constexpr int64_t kGrain = 4096;
  onednn::parallel_for(element_count(shape), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      std::array<int64_t, N> places{};
      int64_t rest = i;
      for (size_t axis = shape.size(); axis-- > 0; rest /= shape[axis]) {
        for (size_t k = 0; k < N; ++k) places[k] += rest % shape[axis] * strides[k][axis];
      }
      body(i, places);
    }
  });
}

template <typename T>
T power(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::pow(a, b);
  } else {
    if (b < 0) return a == 1 ? T{1} : a == T(-1) ? (b % 2 == 0 ? T{1} : T(-1)) : T{0};
    T result = 1;
    for (T i = 0; i < b; ++i) result = static_cast<T>(result * a);
    return result;
  }
}

/// Of Python's sign: the divisor's.
template <std::integral T>
T remainder_of(T a, T b) {
  if (b == 0) return a;  // LibTorch refuses it; a kernel has nobody to tell
  const T r = static_cast<T>(a % b);
  return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
}
using onednn::remainder_of;

/// fn(a, b) in the operands' type; predicates answer 0 or 1.
template <typename T>
T value_of(BinaryFn fn, T a, T b) {
  switch (fn) {
    case BinaryFn::kAdd:
      return static_cast<T>(a + b);
    case BinaryFn::kSub:
      return static_cast<T>(a - b);
    case BinaryFn::kMul:
      return static_cast<T>(a * b);
    case BinaryFn::kDiv:
      return static_cast<T>(a / b);
    case BinaryFn::kPow:
      return power(a, b);
    case BinaryFn::kMin:
      return a < b || a != a ? a : b;
    case BinaryFn::kMax:
      return a > b || a != a ? a : b;
    case BinaryFn::kRemainder:
      return remainder_of(a, b);
    case BinaryFn::kEqual:
      return a == b;
    case BinaryFn::kNotEqual:
      return a != b;
    case BinaryFn::kLess:
      return a < b;
    case BinaryFn::kLessEqual:
      return a <= b;
    case BinaryFn::kGreater:
      return a > b;
    case BinaryFn::kGreaterEqual:
      return a >= b;
    case BinaryFn::kAnd:
      return a != 0 && b != 0;
    case BinaryFn::kOr:
      return a != 0 || b != 0;
    case BinaryFn::kXor:
      return (a != 0) != (b != 0);
  }
  return T{};
}

template <typename T, typename Out>
Kernel binary_kernel(BinaryFn fn, const Shape& shape, const std::array<Shape, 2>& strides) {
  return [=](const Pointers& at) {
    const auto* a = reinterpret_cast<const T*>(at.in[0]);
    const auto* b = reinterpret_cast<const T*>(at.in[1]);
    auto* out = reinterpret_cast<Out*>(at.out[0]);
    each_element(shape, strides, [&](int64_t i, const auto& places) {
      if constexpr (std::is_integral_v<T> && std::is_same_v<Out, float>) {  // a quotient
        out[i] = static_cast<float>(a[places[0]]) / static_cast<float>(b[places[1]]);
      } else {
        out[i] = static_cast<Out>(value_of(fn, a[places[0]], b[places[1]]));
      }
    });
  };
}

template <typename T>
void lower_typed(const Binary& op, LowerCall& call) {
  const DType in = call.in_type(0).dtype, out = call.out_type().dtype;
  const Shape& shape = call.out_type().shape;
  const std::array<Shape, 2> strides = {strides_in(call.in_type(0).shape, shape),
                                        strides_in(call.in_type(1).shape, shape)};
  const Form form{in, Layout::kPlain};
  const Ref a = call.in(0, form), b = call.in(1, form);
  const Ref y = call.out(0, {out, Layout::kPlain});
  Kernel kernel = out == DType::kBool  ? binary_kernel<T, bool>(op.fn, shape, strides)
                  : out == DType::kF32 ? binary_kernel<T, float>(op.fn, shape, strides)
                                       : binary_kernel<T, T>(op.fn, shape, strides);
  call.kernel(std::string(op_name(op)), {a, b}, {y}, std::move(kernel));
}

}  // namespace

void lower(const Binary& op, LowerCall& call) {
  const DType dtype = call.in_type(0).dtype;
  const bool integral_quotient = op.fn == BinaryFn::kDiv && !is_floating(dtype);
  if (dtype == DType::kF32 && !is_predicate(op.fn)) {
    return onednn::lower_pointwise(call, 0, {{.op = op, .operand = 1}});
  }
  switch (dtype) {
    case DType::kF32:
      return lower_typed<float>(op, call);
    case DType::kF64:
      return lower_typed<double>(op, call);
    case DType::kI64:
      return lower_typed<int64_t>(op, call);
    case DType::kI32:
      return lower_typed<int32_t>(op, call);
    case DType::kU8:
      return lower_typed<uint8_t>(op, call);
    case DType::kBool:
      if (!integral_quotient) return lower_typed<uint8_t>(op, call);
      [[fallthrough]];
    default:
      call.give_up(fmt::format("{} of {} has no kernel", op_name(op), name(dtype)));
  }
}

void lower(const Where&, LowerCall& call) {
  const TensorType& type = call.out_type();
  const Form form{type.dtype, Layout::kPlain}, condition{DType::kBool, Layout::kPlain};
  const std::array<Shape, 3> strides = {strides_in(call.in_type(0).shape, type.shape),
                                        strides_in(call.in_type(1).shape, type.shape),
                                        strides_in(call.in_type(2).shape, type.shape)};
  const auto size = static_cast<size_t>(size_of(type.dtype));
  const Ref c = call.in(0, condition), a = call.in(1, form), b = call.in(2, form);
  const Ref y = call.out(0, form);
  call.kernel("where", {c, a, b}, {y}, [strides, size, shape = type.shape](const Pointers& at) {
    each_element(shape, strides, [&](int64_t i, const auto& places) {
      const bool first = at.in[0][places[0]] != std::byte{0};
      const size_t k = first ? 1 : 2;
      std::memcpy(at.out[0] + static_cast<size_t>(i) * size,
                  at.in[k] + static_cast<size_t>(places[k]) * size, size);
    });
  });
}

}  // namespace rung::ops
