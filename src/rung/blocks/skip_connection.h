#pragma once

#include "rung/blocks/conv.h"
#include "rung/graph/model.h"

namespace rung::blocks {

/// relu(conv2(relu(conv1(x))) + skip_projection(x)), in the current scope: 3×3 convolutions that
/// keep the size, a 1×1 projection of the input.  [N, C, H, W] -> [N, out, H, W]
/// Weights: conv1, conv2, skip_projection (weight and bias each).
Value skip_connection_block(Builder& b, Value x, int64_t out);

/// relu(concat_projection([conv2(relu(conv1(x))), x])): both 3×3 convolutions are out/2 wide (at
/// least 1), the input joins them as it is, the 1×1 projection reads out/2 + C channels.
/// [N, C, H, W] -> [N, out, H, W]
/// Weights: conv1, conv2, concat_projection (weight and bias each).
Value skip_connection_block_concat(Builder& b, Value x, int64_t out);

/// An LSTM's sequence with one step appended, `linear` of its last step, as wide as the input.
/// The sequence goes through `sequence_projection` where `hidden` differs from that width.
/// [N, T, F] -> [N, T+1, F]
/// Weights: lstm (weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0), linear, sequence_projection.
Value skip_connection_rnn(Builder& b, Value x, int64_t hidden);

struct SkipBlockOptions {
  int64_t in = 64;
  int64_t out = 128;
  ImageSize size = {.height = 32, .width = 32};
};
struct SkipRnnOptions {
  int64_t input = 10;
  int64_t hidden = 20;
  int64_t time = 100;
};

/// Each block as a network of its own: input "x", output "output".
Model skip_connection_block(const SkipBlockOptions& options = {});
Model skip_connection_block_concat(const SkipBlockOptions& options = {});
Model skip_connection_rnn(const SkipRnnOptions& options = {});

}  // namespace rung::blocks
