#pragma once

#include "rung/ops/onednn.h"

namespace rung::ops {

/// A 1×1 convolution of a blocked map to a few channels, row-major: a network's head. oneDNN would
/// fill up the channels to a block, or use a reference kernel.  False where it is none of these.
bool lower_head(const Conv& op, onednn::LowerCall& call);

}  // namespace rung::ops
