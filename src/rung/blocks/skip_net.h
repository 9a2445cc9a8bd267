#pragma once

#include "rung/blocks/conv.h"
#include "rung/graph/model.h"

namespace rung::blocks {

/// What a block of a SkipNet does with its input.
enum class SkipKind {
  kAdd,     ///< SkipConnectionBlock
  kConcat,  ///< SkipConnectionBlockConcat
  kNone,    ///< the same two convolutions and nothing else: the network to compare with
};

struct SkipNetOptions {
  SkipKind block = SkipKind::kAdd;
  int64_t depth =
      20;  ///< layers with weights on the main path: a stem, two a block, the classifier
  int64_t width = 32;  ///< of the first third of the blocks; 2 and 4 times as wide in the others
  int64_t in = 1;      ///< channels of the image
  int64_t classes = 10;
  bool norm = true;  ///< a batch norm behind every block
  ImageSize size = {.height = 28, .width = 28};
};

/// A deep classifier of small images made of skip connection blocks: stem, block1 … blockN in three
/// stages with max pools between, global average, fc.
///   input  "input" [N, in, H, W];  output "output" [N, classes]
/// Throws a user error where depth is odd or under 4.
Model skip_net(const SkipNetOptions& options = {});

}  // namespace rung::blocks
