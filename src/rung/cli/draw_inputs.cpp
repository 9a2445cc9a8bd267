#include "rung/cli/draw_inputs.h"

#include <algorithm>

#include "rung/base/rng.h"

namespace rung::cli {
namespace {

/// Rows of the smallest table that is looked up anywhere, at most 100.
int64_t smallest_table(const Graph& graph) {
  int64_t rows = 100;
  for (const Node& node : graph.nodes()) {
    if (!std::holds_alternative<ops::Embedding>(node.op)) continue;
    for (const Value value : node.inputs) {
      const TensorType& type = graph.type(value);
      if (is_floating(type.dtype) && type.rank() == 2) rows = std::min(rows, type.shape[0]);
    }
  }
  return std::max<int64_t>(rows, 1);
}

Tensor drawn(const std::string& name, const TensorType& type, int64_t rows, uint64_t seed) {
  Tensor tensor(type.dtype, type.shape);
  Rng rng(seed, name);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    if (is_floating(type.dtype)) {
      tensor.set(i, rng.normal());
    } else {
      const int64_t high = type.dtype == DType::kBool ? 1 : rows - 1;
      tensor.set(i, static_cast<double>(rng.integer(0, high)));
    }
  }
  return tensor;
}

}  // namespace

std::vector<Tensor> draw_inputs(const Graph& graph, uint64_t seed) {
  const int64_t rows = smallest_table(graph);
  std::vector<Tensor> inputs;
  for (const NodeId id : graph.inputs()) {
    inputs.push_back(drawn(graph.node(id).name, graph.type({id, 0}), rows, seed));
  }
  return inputs;
}

}  // namespace rung::cli
