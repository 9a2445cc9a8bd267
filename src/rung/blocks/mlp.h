#pragma once

#include "rung/graph/model.h"

namespace rung::blocks {

struct MlpOptions {
  int64_t in = 784;     ///< features of a sample
  int64_t width = 256;  ///< of the hidden layers
  int64_t hidden = 2;   ///< number of hidden layers
  int64_t out = 10;
  double dropout = 0;  ///< behind every hidden layer
};

/// Linear layers with ReLU between: flatten, fc1, relu1, …, fcN.
///   input  "input" [N, in] (or [N, …] with as many elements per sample);  output "output" [N, out]
Model mlp(const MlpOptions& options = {});

}  // namespace rung::blocks
