#include <limits>
#include <numeric>

#include "rung/base/error.h"
#include "rung/ops/conv/conv_onnx.h"
#include "rung/ops/onnx.h"

// Whole numbers that stand for fractions: x ≈ (q - zero) · scale. Sums of products of such numbers
// are exact in double precision, where 32 bits hold them.

namespace rung::ops {
namespace {

struct Range {
  double low, high;
};

Range range_of(DType dtype) {
  switch (dtype) {
    case DType::kU8:
      return {0, 255};
    case DType::kI8:
      return {-128, 127};
    case DType::kI16:
      return {-32768, 32767};
    case DType::kU16:
      return {0, 65535};
    default:
      fail_unsupported("quantisation to {}; u8, i8, u16, i16 and 8-bit floats are supported",
                       name(dtype));
  }
}

/// A scale or zero point of input i, laid along x: one for all, one per entry of an axis, or one
/// per block of an axis.
Ref laid_along(OnnxCall& call, size_t i, DType dtype, size_t axis, const Dims& x, int64_t block) {
  Ref s = call.cast(call.buffer(i), dtype);
  const Shape shape = call.type(s).shape;
  if (element_count(shape) == 1) {
    return shape.empty() ? s : call.add(Reshape{.shape = Sizes(x.empty() ? 0 : 1, 1)}, {s});
  }
  if (block > 0) {
    if (shape.size() != x.size()) fail_user("blocks of {} for {} axes", to_string(shape), x.size());
    const auto place = static_cast<int64_t>(axis);
    Sizes spread(shape.size() + 1, -1);
    spread[axis + 1] = block;
    s = call.add(Unsqueeze{.axes = {place + 1}}, {s});
    s = call.add(Expand{.shape = spread}, {s});
    s = call.add(Flatten{.first = place, .last = place + 1}, {s});
    if (x[axis].varies()) call.fix({x[axis]});
    return call.add(Slice{.axis = place, .end = x[axis].value()}, {s});
  }
  if (shape.size() != 1) fail_user("{} numbers along axis {}", to_string(shape), axis);
  Sizes behind(x.size() - axis - 1);
  std::iota(behind.begin(), behind.end(), 1);
  return behind.empty() ? s : call.add(Unsqueeze{.axes = behind}, {s});
}

size_t quantised_axis(OnnxCall& call, const Dims& x) {
  if (x.empty()) return 0;
  const int64_t axis = call.integer("axis", x.size() > 1 ? 1 : 0);
  return resolve_axis(axis, x.size());
}

/// round(x) + zero in the range of a type; 8-bit floats have fractions.
Ref quantised(OnnxCall& call, Ref x, std::optional<Ref> zero, DType dtype) {
  Ref y = is_float8(dtype) ? x : call.unary(UnaryFn::kRound, x);
  if (zero) y = call.binary(BinaryFn::kAdd, y, *zero);
  if (is_float8(dtype)) return converted(call, y, dtype);
  const Range range = range_of(dtype);
  return call.cast(call.add(Clamp{.low = range.low, .high = range.high}, {y}), dtype);
}

// x, scale, zero point
OnnxResult quantize_linear(OnnxCall& call) {
  const Dims sizes = call.sizes(0);
  const size_t axis = quantised_axis(call, sizes);
  const int64_t block = call.integer("block_size", 0);
  DType dtype = DType::kU8;
  if (call.given(2)) {
    dtype = call.dtype(2);
  } else if (const int64_t type = call.integer("output_dtype", 0); type != 0) {
    const auto asked = dtype_from_onnx(type);
    if (!asked) fail_unsupported("quantisation to ONNX's type {}, which rung lacks", type);
    dtype = *asked;
  }
  const Ref x = call.cast(call.tensor(0), DType::kF32);
  const Ref scale = laid_along(call, 1, DType::kF32, axis, sizes, block);
  std::optional<Ref> zero;
  if (call.given(2)) zero = laid_along(call, 2, DType::kF32, axis, sizes, block);
  return {quantised(call, call.binary(BinaryFn::kDiv, x, scale), zero, dtype)};
}

// x, scale, zero point
OnnxResult dequantize_linear(OnnxCall& call) {
  const Dims sizes = call.sizes(0);
  const size_t axis = quantised_axis(call, sizes);
  const int64_t block = call.integer("block_size", 0);
  const auto dtype = dtype_from_onnx(call.integer("output_dtype", dtype_to_onnx(call.dtype(1))));
  if (!dtype) fail_unsupported("DequantizeLinear to a type that rung lacks");
  Ref y = call.cast(call.buffer(0), DType::kF32);
  if (call.given(2)) {
    y = call.binary(BinaryFn::kSub, y, laid_along(call, 2, DType::kF32, axis, sizes, block));
  }
  y = call.binary(BinaryFn::kMul, y, laid_along(call, 1, DType::kF32, axis, sizes, block));
  return {call.cast(y, *dtype)};
}

// y in u8, its scale and zero point, from the least and the greatest value of x
OnnxResult dynamic_quantize_linear(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const auto bound = [&](ReduceKind kind, Clamp with_zero) {
    return call.add(with_zero, {call.add(Reduce{.kind = kind}, {x})});
  };
  const Ref low = bound(ReduceKind::kMin, {.low = {}, .high = 0});
  const Ref high = bound(ReduceKind::kMax, {.low = 0, .high = {}});
  const Ref scale = call.with_number(BinaryFn::kDiv, call.binary(BinaryFn::kSub, high, low), 255);
  const Ref zero = quantised(
      call, call.binary(BinaryFn::kDiv, call.unary(UnaryFn::kNeg, low), scale), {}, DType::kU8);
  const Ref y = quantised(call, call.binary(BinaryFn::kDiv, x, scale), call.cast(zero, DType::kF32),
                          DType::kU8);
  return {y, scale, zero};
}

/// Input i without its zero point (input z), which is one number, or one per row or column.
Ref centred(OnnxCall& call, size_t i, size_t z, int64_t axis) {
  const Ref x = call.cast(call.tensor(i), DType::kF64);
  if (!call.given(z)) return x;
  const Dims sizes = call.sizes(i);
  const size_t place = resolve_axis(axis, sizes.size());
  if (call.rank(z) > 1) {
    return call.binary(BinaryFn::kSub, x, call.cast(call.buffer(z), DType::kF64));
  }
  return call.binary(BinaryFn::kSub, x, laid_along(call, z, DType::kF64, place, sizes, 0));
}

/// A scale along an axis of a result of `rank` axes.
Ref scale_along(OnnxCall& call, size_t i, size_t axis, size_t rank) {
  const Ref s = call.cast(call.buffer(i), DType::kF64);
  const Shape shape = call.type(s).shape;
  if (shape.size() > 1 || shape.empty()) return s;
  if (shape[0] == 1) return call.add(Reshape{.shape = {}}, {s});
  Sizes behind(rank - axis - 1);
  std::iota(behind.begin(), behind.end(), 1);
  return behind.empty() ? s : call.add(Unsqueeze{.axes = behind}, {s});
}

// a, b, their zero points
OnnxResult matmul_integer(OnnxCall& call) {
  const Ref y = call.add(MatMul{}, {centred(call, 0, 2, -2), centred(call, 1, 3, -1)});
  return {call.cast(y, DType::kI32)};
}

// x, weight, their zero points
OnnxResult conv_integer(OnnxCall& call) {
  return {call.cast(conv_of(call, {centred(call, 0, 2, 1), centred(call, 1, 3, 0)}), DType::kI32)};
}

/// A result in double precision, quantised by the scale and the zero point at inputs i and i + 1.
Ref requantised(OnnxCall& call, Ref y, size_t i, size_t axis) {
  const size_t rank = call.type(y).rank();
  const Ref zero = scale_along(call, i + 1, axis, rank);
  return quantised(call, call.binary(BinaryFn::kDiv, y, scale_along(call, i, axis, rank)), zero,
                   call.dtype(i + 1));
}

// a, its scale and zero point, b, …, those of the result
OnnxResult qlinear_matmul(OnnxCall& call) {
  Ref y = call.add(MatMul{}, {centred(call, 0, 2, -2), centred(call, 3, 5, -1)});
  const size_t rank = call.type(y).rank();
  if (rank < 2) fail_unsupported("QLinearMatMul of vectors");
  y = call.binary(BinaryFn::kMul, y, scale_along(call, 1, rank - 2, rank));
  y = call.binary(BinaryFn::kMul, y, scale_along(call, 4, rank - 1, rank));
  return {requantised(call, y, 6, rank - 2)};
}

// x, its scale and zero point, weight, …, those of the result, bias (in units of both scales)
OnnxResult qlinear_conv(OnnxCall& call) {
  std::vector<Ref> in{centred(call, 0, 2, 1), centred(call, 3, 5, 0)};
  if (call.given(8)) in.push_back(call.cast(call.tensor(8), DType::kF64));
  Ref y = conv_of(call, in);
  const size_t rank = call.type(y).rank();
  y = call.binary(BinaryFn::kMul, y, scale_along(call, 1, 1, rank));
  y = call.binary(BinaryFn::kMul, y, scale_along(call, 4, 1, rank));
  return {requantised(call, y, 6, 1)};
}

constexpr OnnxEntry kQuantizeRules[] = {
    {"QuantizeLinear", quantize_linear},
    {"DequantizeLinear", dequantize_linear},
    {"DynamicQuantizeLinear", dynamic_quantize_linear},
    {"MatMulInteger", matmul_integer},
    {"ConvInteger", conv_integer},
    {"QLinearMatMul", qlinear_matmul},
    {"QLinearConv", qlinear_conv},
};

}  // namespace

OnnxRules quantize_onnx() { return kQuantizeRules; }

}  // namespace rung::ops
