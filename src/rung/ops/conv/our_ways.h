#pragma once

#include "rung/ops/onednn.h"

namespace rung::onednn {

/// A convolution of one group on blocked maps of f32 or bf16: what our own kernels have
/// to know. Posts are at most a sum and a positive part, in that order.
struct BlockedConv {
  Shape x;              ///< [N, C, S…]
  int64_t outputs = 0;  ///< channels
  int64_t pad = 0;      ///< all around
  int64_t stride = 1;   ///< 1 or 2, on all axes
  DType dtype = DType::kF32;
  Tensor bias = {};   ///< [outputs], where there is one
  bool sum = false;   ///< with what the result held before
  bool relu = false;  ///< of that
};

// Where has_tiles() says so. `first` is where the way's constants stand among the operands
// (Step::in.size()).

/// 1×1 without a pad: pixels as they lie times packed columns of the weight. Stride 2 on two axes.
inline constexpr std::string_view kColumnsWay = "columns";
Way columns_way(LowerCall& call, const BlockedConv& problem, const Tensor& weight, size_t first);

// 3×3 on two axes with a pad of 0 or 1, after Lavin and Gray, Fast Algorithms for Convolutional
// Neural Networks, 2015 (winograd_axis.h). Transformed inputs and weights are of the map's type,
// sums f32.

/// Every 2×2 outputs from fewer products per channel than the 36 of a direct sum: with stride 1,
/// 16; with stride 2, 25. No worse than a few roundings of the map's type.
inline constexpr std::string_view kWinograd2x2 = "winograd 2x2";
Way winograd_2x2_way(LowerCall& call, const BlockedConv& problem, const Tensor& weight,
                     size_t first);
/// Stride 1: every 4×4 outputs from 36 products instead of 144. Transforms enlarge the products'
/// roundings: relative RMS errors are up to 2.5e-6 in f32, about 1.2e-2 in bf16 (2×2: 5e-3).
inline constexpr std::string_view kWinograd4x4 = "winograd 4x4";
Way winograd_4x4_way(LowerCall& call, const BlockedConv& problem, const Tensor& weight,
                     size_t first);

}  // namespace rung::onednn
