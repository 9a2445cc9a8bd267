#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/ops/layout/follow.h"
#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

OnnxResult identity(OnnxCall& call) { return {call.tensor(0)}; }

// x, rate, whether it acts; the rate and the mode are attributes of old
OnnxResult dropout(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const double p = call.given(1) ? call.number(1) : call.number("ratio", 0.5);
  const bool always = call.given(2) && call.integer(2) != 0;
  if (always && p > 0) {
    fail_unsupported("random numbers: Dropout that acts in evaluation, too (training_mode)");
  }
  OnnxResult out{call.add(Dropout{.p = p}, {x})};
  if (call.used(1)) {
    out.push_back(call.cast(call.add(FullLike{.value = 1}, {x}), DType::kBool));
  }
  return out;
}

/// The numbers that ATen gives to types of one size, of which BitCast makes one another.
int64_t aten_type(DType dtype) {
  switch (dtype) {
    case DType::kU8:
      return 0;
    case DType::kI8:
      return 1;
    case DType::kI16:
      return 2;
    case DType::kI32:
      return 3;
    case DType::kI64:
      return 4;
    case DType::kF16:
      return 5;
    case DType::kF32:
      return 6;
    case DType::kF64:
      return 7;
    case DType::kBool:
      return 11;
    case DType::kBF16:
      return 15;
    case DType::kF8E5M2:
      return 23;
    case DType::kF8E4M3:
      return 24;
    case DType::kF8E5M2Fnuz:
      return 25;
    case DType::kF8E4M3Fnuz:
      return 26;
    case DType::kU16:
      return 27;
    case DType::kU32:
      return 28;
    case DType::kU64:
      return 29;
  }
  fail_bug("type {} has no number in ATen", static_cast<int>(dtype));  // nor a name
}

// The same bytes, of another type.
OnnxResult bit_cast(OnnxCall& call) {
  const auto dtype = dtype_from_onnx(call.integer("to"));
  if (!dtype) fail_unsupported("BitCast to ONNX's type {}, which rung lacks", call.integer("to"));
  if (size_of(*dtype) != size_of(call.dtype(0))) {
    fail_user("BitCast from {} to {}, whose sizes differ", name(call.dtype(0)), name(*dtype));
  }
  return {Aten(call, "aten::view.dtype(Tensor self, ScalarType dtype) -> Tensor")
              .input(call.tensor(0))
              .integer(aten_type(*dtype))
              .like(0, *dtype)};
}

OnnxResult cast(OnnxCall& call) {
  const auto dtype = dtype_from_onnx(call.integer("to"));
  if (!dtype) fail_unsupported("Cast to ONNX's type {}, which rung lacks", call.integer("to"));
  return {converted(call, call.tensor(0), *dtype)};
}

OnnxResult cast_like(OnnxCall& call) { return {converted(call, call.tensor(0), call.dtype(1))}; }

OnnxResult constant_of_shape(OnnxCall& call) {
  const Tensor* value = call.tensor_attribute("value");
  const DType dtype = value == nullptr ? DType::kF32 : value->dtype();
  const double fill = value == nullptr ? 0 : value->at(0);
  const Ref zeros = zeros_of(call, call.dims(0), dtype);
  return {fill == 0 ? zeros : call.add(FullLike{.value = fill}, {zeros})};
}

// start, limit, delta
OnnxResult range(OnnxCall& call) {
  const DType dtype = call.dtype(0);
  if (!is_floating(dtype)) {
    const Dims start = call.dims(0), limit = call.dims(1), delta = call.dims(2);
    const bool counts =
        !start[0].varies() && start[0].value() == 0 && !delta[0].varies() && delta[0].value() == 1;
    if (counts && limit[0].varies()) {
      const auto like = call.find_like(limit);
      if (!like) call.fix(limit);
      return {call.add(ArangeLike{.axis = like->axes[0], .dtype = dtype}, {like->tensor})};
    }
  }
  const double start = call.number(0), limit = call.number(1), delta = call.number(2);
  if (delta == 0) fail_user("Range in steps of 0");
  const double count = std::max(0.0, std::ceil((limit - start) / delta));
  if (!(count <= 1e6)) fail_user("Range of {} numbers", count);
  Tensor values(dtype, {static_cast<int64_t>(count)});
  for (int64_t i = 0; i < values.elements(); ++i) {
    values.set(i, start + static_cast<double>(i) * delta);
  }
  return {call.add(Constant{values}, {})};
}

OnnxResult eye_like(OnnxCall& call) {
  const Dims sizes = call.sizes(0);
  if (sizes.size() != 2) fail_user("EyeLike takes a matrix, not {} axes", sizes.size());
  for (const Dim& size : sizes) {
    if (size.varies()) call.fix({size});
  }
  const auto dtype = call.has("dtype") ? dtype_from_onnx(call.integer("dtype")) : call.dtype(0);
  if (!dtype) fail_unsupported("EyeLike of a type that rung lacks");
  const int64_t k = call.integer("k", 0);
  Tensor eye(*dtype, {sizes[0].value(), sizes[1].value()});
  if (eye.elements() > 1000000) fail_unsupported("EyeLike of {} elements", eye.elements());
  for (int64_t i = 0; i < sizes[0].value(); ++i) {
    if (i + k >= 0 && i + k < sizes[1].value()) eye.set(i * sizes[1].value() + i + k, 1);
  }
  return {call.add(Constant{eye}, {})};
}

constexpr OnnxEntry kMiscRules[] = {
    {"Identity", identity}, {"Dropout", dropout},    {"Cast", cast},
    {"BitCast", bit_cast},  {"CastLike", cast_like}, {"ConstantOfShape", constant_of_shape},
    {"Range", range},       {"EyeLike", eye_like},
};

}  // namespace

OnnxRules misc_onnx() { return kMiscRules; }

}  // namespace rung::ops
