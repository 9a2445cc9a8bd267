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

/// Sizes of inputs by name; an empty name stands for the only one.
using InputShapes = std::map<std::string, Shape, std::less<>>;

/// `retype` with new sizes alone. Throws a user error that names the input, its type and what was
/// given: no such input, another rank, a size that the network does not take.
Graph resize_inputs(const Graph& graph, const InputShapes& shapes);

/// The name of the input that an empty one stands for. Throws a user error with all of them where
/// there is more or less than one.
const std::string& only_input(const std::vector<std::string>& inputs, const Shape& shape);

/// A value that becomes an input: for the nodes in `readers`, or for everybody where it is empty.
struct NewInput {
  std::string name;
  Value value;
  std::vector<NodeId> readers = {};
  ops::Input op = {};
};

/// Only the nodes that `outputs` need, in their old order; nothing of what computes the values that
/// are given instead (`inputs`, which stand in front, those that nobody reads left out). Skip notes
/// whose values are gone go too. Throws a user error where a new input's name is that of a node
/// that stays.
Graph extract(const Graph& graph, std::span<const Output> outputs,
              std::span<const NewInput> inputs = {});

/// The graph with every node renamed `prefix` + name; outputs and notes alike.
Graph with_prefix(const Graph& graph, const std::string& prefix);

/// The graph with these skips switched off (ablation): the readers of a merged value read the
/// target as it was; where they take more channels than it has, the source's read zeros.
/// Throws a user error listing the skips where a name is unknown.
Graph without_skips(const Graph& graph, std::span<const std::string> names);

}  // namespace rung
