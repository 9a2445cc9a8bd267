#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/ops/layout/follow.h"
#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

OnnxResult identity(OnnxCall& call) { return {call.tensor(0)}; }

OnnxResult dropout(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const double p = call.given(1) && call.known(1) ? call.number(1) : call.number("ratio", 0.5);
  const bool always = call.given(2) && call.known(2) && call.integer(2) != 0;
  if (call.given(2) && !call.known(2)) fail_unsupported("Dropout whose mode is an input");
  if (always && p > 0) fail_unsupported("Dropout that acts in evaluation (training_mode)");
  OnnxResult out{call.add(Dropout{.p = always ? 0 : p}, {x})};
  if (call.results() > 1) {
    out.push_back(call.used(1) ? call.add(FullLike{.value = 1}, {call.cast(x, DType::kBool)}) : 0);
  }
  return out;
}

OnnxResult cast(OnnxCall& call) {
  const auto dtype = dtype_from_onnx(call.integer("to"));
  if (!dtype) fail_unsupported("Cast to ONNX's type {}, which rung lacks", call.integer("to"));
  return {call.cast(call.tensor(0), *dtype)};
}

OnnxResult cast_like(OnnxCall& call) { return {call.cast(call.tensor(0), call.dtype(1))}; }

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

constexpr OnnxEntry kRules[] = {
    {"Identity", identity},
    {"Dropout", dropout},
    {"Cast", cast},
    {"CastLike", cast_like},
    {"ConstantOfShape", constant_of_shape},
    {"Range", range},
    {"EyeLike", eye_like},
};

}  // namespace

OnnxRules misc_onnx() { return kRules; }

}  // namespace rung::ops
