#pragma once

#include "rung/blocks/conv.h"
#include "rung/graph/model.h"

namespace rung::blocks {

struct EncoderOptions {
  int64_t in = 3;     ///< channels of the image
  int64_t base = 32;  ///< width of stage1; each further stage is twice as wide
  int64_t stages = 4;
  ImageSize size = {.height = 128, .width = 128};
};

/// A small convolutional encoder to join: stage1 at the image's size, each further stage at half
/// of the one before (rounded up, so that any size works).
///   input  "input" [N, in, H, W];  output "output" [N, base·2^(stages-1), …]
///   taps   stage1 … stageN
Model encoder(const EncoderOptions& options = {});

/// The stages alone, on a builder; returns what leaves each.
std::vector<Value> encoder_stages(Builder& b, Value x, int64_t base, int64_t stages);

}  // namespace rung::blocks
