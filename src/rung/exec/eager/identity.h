#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "rung/graph/model.h"

namespace rung {

/// One output of a joined network beside the same output without its skips.
struct OutputDifference {
  std::string output;
  bool same_bits = false;
  double largest = 0;  ///< |with − without|; infinite where one of the two is not finite
};

/// What the skips of a joined network do to its outputs on these inputs (in the order of
/// `graph.inputs()`), in evaluation: the check of what `start = "identity"` promises, and the
/// measure of what a trained skip changes. `skips` are names of `graph.skips()`; empty: all of
/// them. Weights that the model lacks are drawn from `seed`, the same for both. Throws a user error
/// where a name is unknown, or where an input does not fit.
std::vector<OutputDifference> compare_without_skips(const Model& joined,
                                                    const std::vector<at::Tensor>& inputs,
                                                    std::vector<std::string> skips = {},
                                                    uint64_t seed = 0);

/// True where every output has the same bits without the skips.
bool is_identity(const std::vector<OutputDifference>& differences);

}  // namespace rung
