#pragma once

#include <set>
#include <vector>

#include "rung/graph/graph.h"

namespace rung {

/// What has to change for a value to become wider: the layers that turn its channels into others.
/// Channels pass through activations, pools and the like untouched.
struct Widening {
  std::set<NodeId> layers;  ///< convolutions and linear layers whose weights grow
  std::string obstacle;     ///< why it is not possible; empty where it is
};

/// Follows the readers of `value` (only `readers` where given) to the layers that must grow.
Widening find_widening(const Graph& graph, const Users& users, Value value,
                       const std::vector<NodeId>& readers);

/// The axis of a layer's weight that counts its input channels: 1, or 0 of a transposed one.
int64_t input_axis(const Op& op);

}  // namespace rung
