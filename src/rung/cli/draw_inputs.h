#pragma once

#include <cstdint>
#include <vector>

#include "rung/graph/graph.h"

namespace rung::cli {

/// Something for every input of a network, in their order, at the sizes of the graph: floating
/// numbers from a standard normal distribution, whole ones that every table which they look up has
/// (at most 0 to 99). Depends on the seed and the inputs' names alone.
std::vector<Tensor> draw_inputs(const Graph& graph, uint64_t seed);

}  // namespace rung::cli
