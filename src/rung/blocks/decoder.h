#pragma once

#include "rung/blocks/conv.h"
#include "rung/graph/model.h"

namespace rung::blocks {

/// How a decoder doubles the size.
enum class Upsample {
  kResize,     ///< nearest neighbour, then a 3×3 convolution
  kTranspose,  ///< a transposed 2×2 convolution of stride 2, then a 3×3 convolution
};

struct DecoderOptions {
  int64_t in = 512;     ///< channels of its input
  int64_t levels = 5;   ///< how often it doubles the size
  int64_t width = 256;  ///< of up1; each further level is half as wide, but at least 16
  int64_t classes = 1;  ///< channels of the result
  Upsample upsample = Upsample::kResize;
  ImageSize size = {.height = 7, .width = 7};
};

/// A decoder to join, without skips of its own: up1 … upN, each twice the size of the one before,
/// then a 1×1 convolution `head`.
///   input  "input" [N, in, H, W];  output "output" [N, classes, H·2^levels, W·2^levels]
///   taps   up1 … upN
Model decoder(const DecoderOptions& options = {});

}  // namespace rung::blocks
