#pragma once

#include "rung/graph/builder.h"

namespace rung::blocks {

struct ResidualOptions {
  int64_t width = 64;  ///< of the 3×3 convolutions; the bottleneck's result is 4 times as wide
  int64_t stride = 1;
};

/// torchvision's BasicBlock, names and all, in the current scope: conv1, bn1, relu, conv2, bn2,
/// downsample.0 and .1 where the shape changes, add, relu_2.
/// [N, C, H, W] -> [N, width, ⌈H/stride⌉, ⌈W/stride⌉]
Value basic_block(Builder& b, Value x, const ResidualOptions& options);

/// torchvision's Bottleneck (the stride is in conv2): conv1, bn1, relu, conv2, bn2, relu_2, conv3,
/// bn3, downsample where the shape changes, add, relu_3.
/// [N, C, H, W] -> [N, 4·width, ⌈H/stride⌉, ⌈W/stride⌉]
Value bottleneck(Builder& b, Value x, const ResidualOptions& options);

}  // namespace rung::blocks
