#include "rung/graph/cut.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/graph/extents.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"

namespace rung {
namespace {

// The name of an input, which must be one that a tap can be written with.
std::string input_name(const Graph& graph, const Tap& tap) {
  std::string name = tap.name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !can_stand_in_name(c); }, '.');
  // A node of that name may stay, for other readers.
  const bool same = graph.find(name) == tap.value.node &&
                    graph.node(tap.value.node).types.size() == 1 && tap.readers.empty();
  while (!same && graph.find(name)) name += ".input";
  return name;
}

// The axes whose sizes follow one that an input of the network holds, and why it does.
ops::Input input_op(const Graph& graph, const Extents& extents, Value value) {
  ops::Input op{.type = graph.type(value), .fixed = {}, .why = {}};
  for (size_t axis = 0; axis < op.type.rank(); ++axis) {
    bool held = false;
    for (const InputAxis& source : extents.inputs_of(value, axis)) {
      const auto& input = std::get<ops::Input>(graph.node(*graph.find(source.input)).op);
      const auto& fixed = input.fixed;
      if (std::find(fixed.begin(), fixed.end(), static_cast<int64_t>(source.axis)) == fixed.end()) {
        continue;
      }
      held = true;
      if (op.why.find(input.why) == std::string::npos) {
        op.why += (op.why.empty() ? "" : "; ") + input.why;
      }
    }
    if (held) op.fixed.push_back(static_cast<int64_t>(axis));
  }
  return op;
}

std::vector<NewInput> new_inputs(const Graph& graph, const TapIndex& taps,
                                 const std::vector<std::string>& from) {
  std::vector<NewInput> inputs;
  if (from.empty()) return inputs;
  Extents extents(Extents::Held::kFollowed);
  extents.update(graph);
  for (const auto& name : from) {
    const Tap tap = taps.find(name);
    inputs.push_back(
        {input_name(graph, tap), tap.value, tap.readers, input_op(graph, extents, tap.value)});
  }
  return inputs;
}

}  // namespace

Model cut(const Model& model, const Cut& where) {
  const Graph& graph = model.graph;
  const TapIndex taps(graph);
  std::vector<Output> outputs;
  if (where.at.empty() || where.keep_outputs) outputs = graph.outputs();
  for (const auto& name : where.at) outputs.push_back({name, taps.find(name).value});
  const auto inputs = new_inputs(graph, taps, where.from);
  Model out{.graph = extract(graph, outputs, inputs), .weights = {}, .name = model.name};
  if (where.at.empty() || where.keep_outputs) out.about = model.about;  // the first output stays
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto id = out.graph.find(inputs[i].name);
    if (id && out.graph.op_as<ops::Input>(*id) != nullptr) continue;
    fail_user("the cut from {} cuts nothing: no output that is left needs it",
              quoted(where.from[i]));
  }
  for (const NodeId id : out.graph.params()) {
    const std::string& name = out.graph.node(id).name;
    const auto found = model.weights.find(name);
    if (found != model.weights.end()) out.weights.insert(*found);
  }
  return out;
}

}  // namespace rung
