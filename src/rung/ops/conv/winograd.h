#pragma once

#include "rung/ops/onednn.h"

namespace rung::onednn {

/// A convolution of 3×3, stride 1, one group, on blocked maps of f32 or bf16: what our Winograd
/// kernel has to know. Posts are at most a sum and a positive part, in that order.
struct Winograd {
  Shape x;              ///< [N, C, H, W]
  int64_t outputs = 0;  ///< channels
  int64_t pad = 0;      ///< 0 or 1, all around
  DType dtype = DType::kF32;
  Tensor bias = {};   ///< [outputs], where there is one
  bool sum = false;   ///< with what the result held before
  bool relu = false;  ///< of that
};

/// F(2×2, 3×3): every 2×2 outputs from 16 products per channel where a direct sum takes 36.
/// Transformed inputs and weights are of the map's type, sums f32; no worse than a few roundings of
/// that type. Where has_tiles() says so. `first` is where the way's constant stands among the
/// operands (Step::in.size()). Source: Lavin and Gray, Fast Algorithms for Convolutional Neural
/// Networks, 2015.
Way winograd_way(LowerCall& call, const Winograd& problem, const Tensor& weight, size_t first);

}  // namespace rung::onednn
