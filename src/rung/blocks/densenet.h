#pragma once

#include "rung/blocks/conv.h"
#include "rung/graph/model.h"

namespace rung::blocks {

struct DenseNetOptions {
  int64_t in = 3;          ///< channels of the image
  int64_t classes = 1000;  ///< 0: without pooling and classifier, an encoder
  ImageSize size = {};
};

/// torchvision's densenet121: same layers, same names of layers and weights, drawn alike.
///   input  "input" [N, in, H, W], at least 29×29;
///   output "output" [N, classes], or the features [N, 1024, H/32, W/32]
Model densenet121(const DenseNetOptions& options = {});

}  // namespace rung::blocks
