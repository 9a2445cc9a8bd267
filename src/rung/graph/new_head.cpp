#include "rung/graph/new_head.h"

#include <cmath>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/graph/passes/rebuild.h"

namespace rung {
namespace {

std::vector<NodeId> weights_of(const Graph& graph, const Node& node) {
  std::vector<NodeId> out;
  for (const Value value : node.inputs) {
    if (graph.op_as<ops::Param>(value.node) != nullptr) out.push_back(value.node);
  }
  return out;
}

}  // namespace

std::optional<NodeId> head_layer(const Graph& graph) {
  if (graph.outputs().empty()) return std::nullopt;
  NodeId id = graph.outputs()[0].value.node;
  while (!is_leaf(graph.node(id).op)) {
    if (!weights_of(graph, graph.node(id)).empty()) return id;
    if (graph.node(id).inputs.empty()) break;
    id = graph.node(id).inputs[0].node;
  }
  return std::nullopt;
}

std::vector<std::string> head_weights(const Graph& graph) {
  std::vector<std::string> names;
  if (const auto head = head_layer(graph)) {
    for (const NodeId id : weights_of(graph, graph.node(*head))) {
      names.push_back(graph.node(id).name);
    }
  }
  return names;
}

Model with_new_head(const Model& model, std::optional<int64_t> classes) {
  const Graph& graph = model.graph;
  const auto head = head_layer(graph);
  if (!head) fail_user("the network has no layer with weights, so it has no head");
  const Node& layer = graph.node(*head);
  const auto* conv = std::get_if<ops::Conv>(&layer.op);
  const bool fits =
      std::holds_alternative<ops::Linear>(layer.op) || (conv != nullptr && conv->groups == 1);
  if (!fits) {
    fail_user(
        "the network ends in {} ({}), and a new head takes the place of a linear layer or of a "
        "convolution without groups",
        op_name(layer.op), quoted(layer.name));
  }
  Rebuild rebuild(graph);
  Model out = model;
  out.about.clear();  // what the old head meant
  for (const NodeId id : weights_of(graph, layer)) {
    ops::Param param = *graph.op_as<ops::Param>(id);
    const auto& weight = *graph.op_as<ops::Param>(layer.inputs.at(1).node);
    const int64_t fan_in = element_count(weight.shape) / std::max<int64_t>(1, weight.shape[0]);
    param.init = ops::InitKind::kUniform;
    param.value = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, fan_in)));
    if (classes) param.shape[0] = *classes;
    rebuild.change(id, {.op = param, .inputs = {}, .params = {}});
    out.weights.erase(graph.node(id).name);
  }
  out.graph = rebuild.finish();
  return out;
}

}  // namespace rung
