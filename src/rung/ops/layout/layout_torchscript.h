#pragma once

#include "rung/ops/torchscript.h"

namespace rung::ops {

/// x, of sizes `from`, with sizes `to`: flattened, reshaped, or cut up axis by axis, so that it
/// holds at other input sizes too.
Ref reshape_to(AtenCall& call, Ref x, Dims from, const Dims& to);

/// Axis `axis` of x in parts of these sizes, of which one may vary.
Ref split_axis(AtenCall& call, Ref x, size_t axis, const Dims& parts);

}  // namespace rung::ops
