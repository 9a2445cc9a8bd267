#include "rung/graph/passes/drop_dropout.h"

#include "rung/graph/passes/rebuild.h"

namespace rung {

Graph without_dropout(const Graph& graph, std::string_view prefix) {
  Rebuild rebuild(graph);
  for (size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!node.name.starts_with(prefix)) continue;
    if (std::holds_alternative<ops::Dropout>(node.op)) {
      rebuild.replace({graph.id(i), 0}, node.inputs[0]);
    } else if (const auto* recurrent = std::get_if<ops::Recurrent>(&node.op)) {
      ops::Recurrent still = *recurrent;
      still.dropout = 0;
      rebuild.change(graph.id(i), {.op = still, .inputs = node.inputs, .params = {}});
    }
  }
  return rebuild.finish();
}

}  // namespace rung
