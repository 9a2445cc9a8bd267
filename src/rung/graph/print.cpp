#include "rung/base/text.h"
#include "rung/graph/graph.h"

#include <fmt/format.h>

namespace rung {
namespace {

std::string value_text(const Graph& graph, Value value) {
  const Node& node = graph.node(value.node);
  return node.types.size() == 1 ? "%" + node.name : fmt::format("%{}:{}", node.name, value.port);
}

}  // namespace

std::string print(const Graph& graph) {
  std::string out;
  for (const Node& node : graph.nodes()) {
    std::vector<std::string> inputs, types;
    for (const Value value : node.inputs) inputs.push_back(value_text(graph, value));
    for (const auto& type : node.types) types.push_back(to_string(type));
    out += fmt::format("%{} = {}({}) -> {}\n", node.name, to_string(node.op), join(inputs, ", "),
                       join(types, ", "));
  }
  for (const Output& output : graph.outputs()) {
    out += fmt::format("output {} = {}\n", output.name, value_text(graph, output.value));
  }
  return out;
}

}  // namespace rung
