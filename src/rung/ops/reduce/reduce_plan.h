#pragma once

#include <vector>

#include "rung/ops/kernel.h"

namespace rung::onednn {

/// How a value is folded: lanes of output elements that lie side by side, each the fold of the
/// elements at row.in + fold + k · step for every fold and every k below `run`. Offsets count
/// elements.
struct ReducePlan {
  struct Row {
    int64_t in, out, lanes;
  };
  std::vector<Row> rows;
  std::vector<int64_t> folds;
  int64_t run = 1;
  int64_t step = 1;
  int64_t folded() const { return static_cast<int64_t>(folds.size()) * run; }
};

/// A row-major value; `folded` says of each axis whether it goes.
ReducePlan reduce_plan(const Shape& shape, const std::vector<bool>& folded);
/// A blocked map whose spatial axes go. Blocked: the result has the map's channels [N, C, 1…];
/// otherwise it is [N, C], row-major.
ReducePlan reduce_space_plan(const Shape& shape, bool blocked);

}  // namespace rung::onednn
