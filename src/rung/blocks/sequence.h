#pragma once

#include "rung/graph/model.h"

namespace rung::blocks {

struct LstmOptions {
  int64_t in = 1;  ///< features of a step
  int64_t hidden = 64;
  int64_t layers = 1;
  int64_t out = 1;    ///< numbers to forecast, or classes
  int64_t time = 32;  ///< steps that the network is planned at; it runs at any number
};

/// An LSTM whose last step goes through `head`: a forecaster or a classifier of sequences.
///   input  "input" [N, T, in];  output "output" [N, out];  taps lstm:0, lstm:1, lstm:2, last
Model lstm(const LstmOptions& options = {});

}  // namespace rung::blocks
