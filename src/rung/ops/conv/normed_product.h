#pragma once

#include "rung/ops/onednn.h"

namespace rung::onednn {

/// Whether a convolution is a product of pixels and weights that a batch norm in front of it can be
/// part of: 1×1, stride 1, one group, no border, channels that fill their blocks.
bool takes_norm(const ops::Conv& op, const Shape& x, const Shape& weight);

/// conv(relu(x · scale + shift)) in one pass, as the call's prologue says: the normed map exists a
/// few pixels at a time alone. Posts: nothing or a positive part.
void lower_normed_product(LowerCall& call);

}  // namespace rung::onednn
