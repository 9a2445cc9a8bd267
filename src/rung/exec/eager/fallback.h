#pragma once

#include "rung/exec/onednn/program.h"

namespace rung {

/// Runs ops on LibTorch, in evaluation, for programs whose networks hold ops without a kernel:
/// `compile(model, {.fallback = eager_fallback()})`.
Fallback eager_fallback();

}  // namespace rung
