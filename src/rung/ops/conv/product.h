#pragma once

#include "rung/ops/onednn.h"

namespace rung::onednn {

/// A convolution of 1×1, stride 1, one group, on blocked maps. Posts are at most a sum and a
/// positive part, in that order.
struct MapProduct {
  Shape x;              ///< [N, C, S…]
  int64_t outputs = 0;  ///< channels
  DType dtype = DType::kF32;
  Tensor bias = {};   ///< [outputs], where there is one
  bool sum = false;   ///< with what the result held before
  bool relu = false;  ///< of that
};

/// Our own kernel for it: pixels as they lie times packed columns of the weight. Where has_tiles()
/// says so. `first` is where the way's constants stand among the operands.
Way product_way(LowerCall& call, const MapProduct& problem, const Tensor& weight, size_t first);

}  // namespace rung::onednn
