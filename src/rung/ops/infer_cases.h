#pragma once

// For tests of the shape rules only.
#include <string>
#include <utility>
#include <vector>

#include "rung/base/expect_error.h"
#include "rung/ops/fields.h"

namespace rung::ops {

/// f32 (batch, channel, space …)
inline TensorType map_type(Shape shape) {
  Roles roles = map_roles(shape.size());
  return {DType::kF32, std::move(shape), std::move(roles)};
}
/// f32 (batch, time, feature)
inline TensorType sequence_type(Shape shape) {
  return {DType::kF32, std::move(shape), sequence_roles()};
}
/// f32, roles unknown: a weight
inline TensorType weight_type(Shape shape) { return {DType::kF32, std::move(shape)}; }

template <typename Op>
std::vector<TensorType> outputs(const Op& op, const std::vector<TensorType>& in) {
  return infer(op, Types(in));
}
/// The only output.
template <typename Op>
TensorType only_output(const Op& op, const std::vector<TensorType>& in) {
  const std::vector<TensorType> out = outputs(op, in);
  EXPECT_EQ(out.size(), 1u);
  return out.at(0);
}
/// The message with which `op` refuses these inputs.
template <typename Op>
std::string refusal(const Op& op, const std::vector<TensorType>& in) {
  return user_error([&] { infer(op, Types(in)); });
}

}  // namespace rung::ops
