#pragma once

#include "rung/ops/onnx.h"

namespace rung::ops {

/// Rows of [D, G·H, …] of one direction, gate by gate in another order. [G·H, …]
Tensor reordered(const Tensor& whole, int64_t direction, const Sizes& gates, int64_t first_gate,
                 int64_t hidden);

/// GRU that resets the state in front of its matrix product, step by step.
OnnxResult gru_in_steps(OnnxCall& call);

}  // namespace rung::ops
