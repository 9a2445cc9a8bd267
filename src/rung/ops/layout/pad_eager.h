#pragma once

#include <ATen/ATen.h>

#include "rung/ops/fields.h"

namespace rung::ops {

/// x with `begin[i]` and `end[i]` elements added at the ends of axis i (cut, where negative).
at::Tensor pad(const at::Tensor& x, at::IntArrayRef begin, at::IntArrayRef end, PadMode mode,
               double value = 0);

}  // namespace rung::ops
