#pragma once

#include <functional>

#include "rung/ops/op.h"

namespace rung::ops {

/// A batch norm by running statistics: x · scale + shift, for each channel.
struct Affine {
  std::vector<float> scale, shift;
};

/// `known(i)` is the op's input 1 + i: weight and bias where affine, then mean and variance.
Affine affine_of(const BatchNorm& op, const std::function<Tensor(size_t)>& known);

}  // namespace rung::ops
