#include "rung/graph/passes/rebuild.h"

#include <optional>

namespace rung {

Value Rebuild::resolve(Value value) const {
  const auto found = instead_.find(value);
  return found == instead_.end() ? value : found->second;
}

const std::vector<Value>& Rebuild::inputs_of(NodeId node) const {
  const auto found = changes_.find(node);
  return found == changes_.end() ? from_.node(node).inputs : found->second.inputs;
}

std::vector<bool> Rebuild::needed() const {
  std::vector<bool> needed(from_.size(), false);
  const auto need = [&](Value value) {
    needed[static_cast<size_t>(resolve(value).node.index)] = true;
  };
  for (const NodeId input : from_.inputs()) need({input, 0});
  for (const auto& output : from_.outputs()) need(output.value);
  for (size_t i = from_.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const Value value : inputs_of(from_.id(i))) need(value);
  }
  return needed;
}

Graph Rebuild::finish() const {
  const std::vector<bool> needed = this->needed();
  Graph to;
  std::vector<std::optional<NodeId>> map(from_.size());
  const auto has = [&](Value value) {
    return map[static_cast<size_t>(resolve(value).node.index)].has_value();
  };
  const auto copied = [&](Value value) {
    const Value old = resolve(value);
    return Value{map[static_cast<size_t>(old.node.index)].value(), old.port};
  };
  for (size_t i = 0; i < from_.size(); ++i) {
    if (!needed[i]) continue;
    const Node& node = from_.nodes()[i];
    std::vector<Value> inputs;
    for (const Value value : inputs_of(from_.id(i))) inputs.push_back(copied(value));
    const auto change = changes_.find(from_.id(i));
    if (change == changes_.end()) {
      map[i] = to.add(node.name, node.op, std::move(inputs), node.skip);
      continue;
    }
    for (const auto& [name, param] : change->second.params) {
      inputs.push_back({to.add(name, param, {}, node.skip), 0});
    }
    map[i] = to.add(node.name, change->second.op, std::move(inputs), node.skip);
  }
  for (const auto& output : from_.outputs()) to.add_output(output.name, copied(output.value));
  for (SkipNote note : from_.skips()) {
    Value* const values[] = {&note.source, &note.adapted, &note.target, &note.merged};
    bool whole = true;
    for (const Value* value : values) whole = whole && has(*value);
    if (!whole) continue;
    for (Value* value : values) *value = copied(*value);
    to.add_skip_note(std::move(note));
  }
  return to;
}

Model with_graph(const Model& model, Graph graph, Weights more) {
  for (const NodeId id : graph.params()) {
    const auto found = model.weights.find(graph.node(id).name);
    if (found != model.weights.end()) more.insert(*found);
  }
  return {std::move(graph), std::move(more), model.name};
}

}  // namespace rung
