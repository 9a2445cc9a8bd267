#pragma once

#include "rung/ops/onednn.h"

namespace rung::onednn {

bool is_relu(const Op& op);

/// Whether a pointwise op has a place in our own kernel, on f32, behind another or on its own.
bool fits_pointwise(const Op& op);

/// One function of the chain: acc = f(acc), or acc = f(acc, operand).
struct PointwiseOp {
  Op op;
  std::optional<size_t> operand = {};  ///< a Binary's other side, or a PRelu's slopes: an input
  Tensor constant = {};                ///< the same as f32 that no input holds
  bool swapped = false;
};

/// One pass over memory: the first input (broadcast to the result), then the chain, then the
/// call's posts; the result is output 0. Operands are broadcast as NumPy does it. Takes over the
/// memory of an input where it can.
void lower_pointwise(LowerCall& call, size_t first, std::vector<PointwiseOp> chain);

}  // namespace rung::onednn
