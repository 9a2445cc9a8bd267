#pragma once

#include <ATen/ATen.h>
#include <c10/util/SmallVector.h>

#include "rung/ops/fields.h"

namespace rung::ops {

/// Sizes on the stack: what ops hand to LibTorch at every run.
using AxisSizes = c10::SmallVector<int64_t, 6>;

/// `sizes` with one number per axis: one alone serves all, none means `fallback`. (The shape rule
/// has checked their number.)
inline AxisSizes per_axis(const Sizes& sizes, int64_t axes, int64_t fallback) {
  if (sizes.size() > 1) return AxisSizes(sizes.begin(), sizes.end());
  return AxisSizes(static_cast<size_t>(axes), sizes.empty() ? fallback : sizes[0]);
}

/// The optional input at `index`: what LibTorch takes for a missing bias.
inline c10::optional<at::Tensor> optional_input(const std::vector<at::Tensor>& in, size_t index) {
  if (index < in.size()) return in[index];
  return c10::nullopt;
}

}  // namespace rung::ops
