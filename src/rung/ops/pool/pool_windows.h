#pragma once

#include <string>
#include <vector>

#include "rung/ops/kernel.h"
#include "rung/ops/pool/pool.h"

namespace rung::onednn {

/// The windows of a pool along one axis: output i reads count[i] elements from begin[i] on, `step`
/// apart, and its sum is divided by the product of the axes' divisors.
struct AxisWindows {
  std::vector<int64_t> begin;
  std::vector<int64_t> count;
  std::vector<int64_t> divisor;
  int64_t step = 1;
  int64_t size() const { return static_cast<int64_t>(begin.size()); }
};

/// LibTorch's windows of an adaptive pool.
AxisWindows adaptive_windows(int64_t in, int64_t out);

/// One kernel that pools `view`, a window list for each of its axes, from one value of that form to
/// another of the same.
void pool(LowerCall& call, std::string what, ops::PoolKind kind, const MapView& view,
          const std::vector<AxisWindows>& windows, Ref from, Ref to, DType dtype);

}  // namespace rung::onednn
