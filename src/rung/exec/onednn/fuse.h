#pragma once

#include <vector>

#include "rung/graph/graph.h"
#include "rung/ops/onednn.h"

namespace rung::onednn {

/// A node and the pointwise nodes around it that its step does too.
struct Group {
  std::vector<NodeId> nodes;  ///< the root first
  std::vector<Value> inputs;  ///< the root's, then the other sides of fused Binaries
  std::vector<Post> posts;
  std::optional<Prologue> prologue = {};
  size_t own_inputs = 0;              ///< how many inputs are the root's
  std::vector<NodeId> in_front = {};  ///< nodes of the prologue
};

/// The graph's nodes (leaves left out) in groups, in the order in which they can run: each where
/// its last node stands. A node joins the one in front of it where nobody else reads that value, it
/// is no output, and the root's rule takes such an op behind it. Linear in the size of the graph.
std::vector<Group> fuse(const Graph& graph);

}  // namespace rung::onednn
