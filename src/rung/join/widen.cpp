#include "rung/join/widen.h"

#include <fmt/format.h>

namespace rung {
namespace {

// Ops that treat every channel by itself and keep their number.
bool passes_channels(const Op& op) {
  return std::visit(
      [](const auto& o) {
        using T = std::decay_t<decltype(o)>;
        return std::is_same_v<T, ops::Unary> || std::is_same_v<T, ops::LeakyRelu> ||
               std::is_same_v<T, ops::Elu> || std::is_same_v<T, ops::Gelu> ||
               std::is_same_v<T, ops::Softplus> || std::is_same_v<T, ops::Clamp> ||
               std::is_same_v<T, ops::Pool> || std::is_same_v<T, ops::AdaptivePool> ||
               std::is_same_v<T, ops::Resize> || std::is_same_v<T, ops::ResizeLike> ||
               std::is_same_v<T, ops::Dropout> || std::is_same_v<T, ops::Detach>;
      },
      op);
}

bool grows(const Op& op) {
  if (const auto* conv = std::get_if<ops::Conv>(&op)) return conv->groups == 1;
  if (const auto* conv = std::get_if<ops::ConvTranspose>(&op)) return conv->groups == 1;
  return std::holds_alternative<ops::Linear>(op);
}

}  // namespace

Widening find_widening(const Graph& graph, const Users& users, Value value,
                       const std::vector<NodeId>& readers) {
  Widening out;
  std::vector<std::pair<Value, std::vector<NodeId>>> open{
      {value, readers.empty() ? users.of(graph, value) : readers}};
  std::set<Value> seen{value};
  while (!open.empty() && out.obstacle.empty()) {
    const auto [from, next] = open.back();
    open.pop_back();
    for (const auto& output : graph.outputs()) {
      if (output.value == from && (readers.empty() || from != value)) {
        out.obstacle = fmt::format("it is the output '{}' of the network", output.name);
      }
    }
    for (const NodeId id : next) {
      const Node& node = graph.node(id);
      bool data_only = node.inputs[0] == from;
      for (size_t i = 1; i < node.inputs.size(); ++i)
        data_only = data_only && node.inputs[i] != from;
      if (data_only && grows(node.op)) {
        out.layers.insert(id);
      } else if (data_only && passes_channels(node.op)) {
        const Value result{id, 0};
        if (seen.insert(result).second) open.emplace_back(result, users.of(graph, result));
      } else {
        out.obstacle = fmt::format("{} ({}) reads it and cannot take more channels", node.name,
                                   op_name(node.op));
      }
    }
  }
  return out;
}

int64_t input_axis(const Op& op) { return std::holds_alternative<ops::ConvTranspose>(op) ? 0 : 1; }

}  // namespace rung
