#pragma once

#include <optional>

#include "rung/graph/model.h"

namespace rung {

/// The layer that makes the first output: the last node that reads a weight, seen through whatever
/// reads none. Nothing where there is no such node.
std::optional<NodeId> head_layer(const Graph& graph);

/// The weights that it reads, by name.
std::vector<std::string> head_weights(const Graph& graph);

/// The network with a head of its own: the weights of that layer are gone from the model, to be
/// drawn as PyTorch draws them, with `classes` outputs (missing: as many as there were). Throws a
/// user error where the layer is neither linear nor a convolution without groups, or where
/// something behind it does not take another number.
Model with_new_head(const Model& model, std::optional<int64_t> classes = std::nullopt);

}  // namespace rung
