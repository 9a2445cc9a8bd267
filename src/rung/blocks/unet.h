#pragma once

#include "rung/blocks/conv.h"
#include "rung/graph/model.h"

namespace rung::blocks {

struct UNetOptions {
  int64_t in = 3;       ///< channels of the image
  int64_t base = 32;    ///< width at full size; doubles at every level
  int64_t levels = 4;   ///< how often the size is halved
  int64_t classes = 1;  ///< channels of the result
  ImageSize size = {.height = 128, .width = 128};
};

/// A U-Net for images of any size: stage1 … stageN+1 down (see encoder.h), upN … up1 back, where
/// upK resizes to stageK's size, concatenates stageK and convolves twice, then `head`.
///   input  "input" [N, in, H, W];  output "output" [N, classes, H, W]
Model unet(const UNetOptions& options = {});

}  // namespace rung::blocks
