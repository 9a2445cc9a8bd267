#pragma once

#include "rung/blocks/conv.h"
#include "rung/graph/model.h"

namespace rung::blocks {

struct ResNetOptions {
  int64_t depth = 18;      ///< 18, 34 or 50
  int64_t in = 3;          ///< channels of the image
  int64_t classes = 1000;  ///< 0: without avgpool, flatten and fc, an encoder
  ImageSize size = {};
};

/// torchvision's ResNet: same layers, same names of layers and weights, drawn alike.
///   input  "input" [N, in, H, W];  output  "output" [N, classes], or [N, C, ⌈H/32⌉, ⌈W/32⌉]
/// Throws a user error for any other depth.
Model resnet(const ResNetOptions& options);

}  // namespace rung::blocks
