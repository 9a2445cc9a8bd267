#pragma once

#include "rung/exec/onednn/draft.h"

namespace rung::onednn {

/// Where values lie in the arena.
struct MemoryPlan {
  std::vector<int64_t> offsets;  ///< by slot; of roots in the arena alone
  std::vector<int64_t> scratch;  ///< by step
  int64_t bytes = 0;
  int64_t lower_bound = 0;  ///< the most bytes that live at once
};

/// Gives every root of the arena, and the scratch memory of each step, a place for as long as it
/// lives: largest first, each at the lowest free place. Offsets are multiples of 64.
MemoryPlan plan_memory(const Draft& draft);

}  // namespace rung::onednn
