#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>

#include "rung/graph/graph.h"
#include "rung/graph/model.h"

namespace rung {

/// The same graph at other input types: every type is inferred again.
/// Throws a user error that names the first node that does not accept them.
Graph retype(const Graph& graph, const std::map<std::string, TensorType, std::less<>>& inputs);

/// Only the nodes that `outputs` need, in their old order. Skip notes whose values are gone go too.
Graph extract(const Graph& graph, std::span<const Output> outputs);

/// The graph with every node renamed `prefix` + name; outputs and notes alike.
Graph with_prefix(const Graph& graph, const std::string& prefix);

/// The graph with these skips switched off (ablation): the readers of a merged value read the
/// target as it was; where they take more channels than it has, the source's read zeros.
/// Throws a user error listing the skips where a name is unknown.
Graph without_skips(const Graph& graph, std::span<const std::string> names);

}  // namespace rung
