#pragma once

#include <optional>
#include <vector>

#include "rung/graph/graph.h"

namespace rung {

/// Which nodes of two graphs are the same ones.
struct GraphMatch {
  std::vector<std::optional<NodeId>> to_b;  ///< by the index of a node of the first graph
  std::vector<std::optional<NodeId>> to_a;
};

/// Nodes of one name are the same. Of the others, those are that compute the same from the same
/// (operators and attributes back to the inputs; sizes of inputs aside) or lead to the same
/// outputs, several alike in their order; then the weights and constants that two such nodes read
/// in the same place. Linear in the size of the graphs.
GraphMatch match_graphs(const Graph& a, const Graph& b);

}  // namespace rung
