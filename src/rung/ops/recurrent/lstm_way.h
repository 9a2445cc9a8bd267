#pragma once

#include "rung/ops/onednn.h"

namespace rung::onednn {

/// One layer of an LSTM in f32, its directions side by side.
struct LstmLayer {
  int64_t time, batch, width, hidden, directions;
  bool batch_first = true;
  bool has_state = false;
};

/// Each direction's w_ih [4·H, W], w_hh [4·H, H] and, where there are any, b_ih and b_hh [4·H].
struct RecurrentWeights {
  std::vector<Tensor> x, h, bias_x, bias_h;
};

/// A way for a step of x, anything, (h0, c0) and y, h, c; states are [D, N, H]. `first` is where
/// the way's constants stand among the operands (Step::in.size()). Where has_tiles(kF32) says so.
/// Threads share the batch and the directions and never wait for each other between time steps,
/// so that one sequence of one direction has one thread.
inline constexpr std::string_view kLstmWay = "cells";
Way lstm_way(LowerCall& call, const LstmLayer& layer, const RecurrentWeights& weights,
             size_t first);

}  // namespace rung::onednn
