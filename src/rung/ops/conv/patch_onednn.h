#pragma once

#include "rung/ops/onednn.h"

namespace rung::ops {

/// Whether every output element of a transposed convolution has one input pixel alone (kernel =
/// stride, no padding), so that it is a matrix product whose columns are patches of the output.
bool is_patchwise(const ConvTranspose& op, const Shape& weight);

/// That product (a 1×1 convolution, with the call's posts, functions alone) and a kernel that lays
/// the patches out. Blocked.
void lower_patchwise(const ConvTranspose& op, onednn::LowerCall& call);

}  // namespace rung::ops
