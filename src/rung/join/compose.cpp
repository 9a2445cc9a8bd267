#include "rung/join/compose.h"

#include <algorithm>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"

namespace rung {
namespace {

void check_names(const std::vector<Model>& models) {
  if (models.empty()) fail_user("a join needs at least one network");
  std::set<std::string> seen;
  for (size_t i = 0; i < models.size(); ++i) {
    const std::string& name = models[i].name;
    if (name.empty() && models.size() > 1) {
      fail_user("network {} of {} has no name; give it one with .named(\"encoder\")", i + 1,
                models.size());
    }
    const auto fits = [](char c) { return can_stand_in_name(c) && c != '/' && c != '.'; };
    if (!std::all_of(name.begin(), name.end(), fits)) {
      fail_user("a network cannot be named {}: names hold no '/', '.', ':', '@' or space",
                quoted(name));
    }
    if (!seen.insert(name).second) fail_user("two networks are named {}", quoted(name));
  }
}

int64_t batch_of(const Graph& graph) {
  for (const NodeId id : graph.inputs()) {
    const TensorType& type = graph.type({id, 0});
    if (type.has(Role::kBatch)) return type.shape[type.axis_of(Role::kBatch)];
  }
  return 1;
}

// Planning compares shapes of different networks, so all are brought to one batch size. A network
// that was recorded for one batch only stays as it is; joins with it then say so.
Graph with_batch(const Graph& graph, int64_t batch) {
  std::map<std::string, TensorType, std::less<>> types;
  for (const NodeId id : graph.inputs()) {
    TensorType type = graph.type({id, 0});
    const size_t axis = type.axis_of(Role::kBatch);
    if (axis == type.rank() || type.shape[axis] == batch) continue;
    type.shape[axis] = batch;
    types.emplace(graph.node(id).name, type);
  }
  if (types.empty()) return graph;
  try {
    return retype(graph, types);
  } catch (const Error&) {
    return graph;
  }
}

void append(Graph& all, const Graph& part) {
  std::vector<NodeId> moved;
  moved.reserve(part.size());
  const auto map = [&](Value value) {
    return Value{moved[static_cast<size_t>(value.node.index)], value.port};
  };
  for (const Node& node : part.nodes()) {
    std::vector<Value> inputs;
    for (const Value value : node.inputs) inputs.push_back(map(value));
    moved.push_back(all.add(node.name, node.op, std::move(inputs), node.skip));
  }
  for (const auto& output : part.outputs()) all.add_output(output.name, map(output.value));
  for (SkipNote note : part.skips()) {
    for (Value* value : {&note.source, &note.adapted, &note.target, &note.merged}) {
      *value = map(*value);
    }
    all.add_skip_note(std::move(note));
  }
}

}  // namespace

Model compose(const std::vector<Model>& models) {
  check_names(models);
  if (models.size() == 1 && models[0].name.empty()) return models[0];
  Model all;
  const int64_t batch = batch_of(models[0].graph);
  for (const Model& model : models) {
    const std::string prefix = model.name + "/";
    append(all.graph, with_prefix(with_batch(model.graph, batch), prefix));
    for (const auto& [name, tensor] : model.weights) all.weights.emplace(prefix + name, tensor);
  }
  return all;
}

}  // namespace rung
