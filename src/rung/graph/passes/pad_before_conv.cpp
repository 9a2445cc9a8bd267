#include "rung/graph/passes/pad_before_conv.h"

#include <algorithm>

#include "rung/ops/check.h"

namespace rung {
namespace {

bool wants_pad(const Node& node) {
  const auto* conv = std::get_if<ops::Conv>(&node.op);
  return conv != nullptr && conv->pad_mode != ops::PadMode::kZeros;
}

/// The border as a Pad has it: one number per axis of x, the first two 0.
ops::Pad pad_of(const ops::Conv& conv, size_t rank) {
  const ops::Border border = ops::border(ops::Conv::kName, conv.padding, rank - 2);
  ops::Pad pad{.begin = {0, 0}, .end = {0, 0}, .mode = conv.pad_mode};
  pad.begin.insert(pad.begin.end(), border.begin.begin(), border.begin.end());
  pad.end.insert(pad.end.end(), border.end.begin(), border.end.end());
  return pad;
}

}  // namespace

Graph pad_before_conv(const Graph& graph) {
  if (std::none_of(graph.nodes().begin(), graph.nodes().end(), wants_pad)) return graph;
  Graph copy;
  std::vector<NodeId> made;
  const auto moved = [&](Value value) {
    return Value{made[static_cast<size_t>(value.node.index)], value.port};
  };
  for (const Node& node : graph.nodes()) {
    std::vector<Value> inputs;
    for (const Value input : node.inputs) inputs.push_back(moved(input));
    Op op = node.op;
    if (wants_pad(node)) {
      auto& conv = std::get<ops::Conv>(op);
      const ops::Pad pad = pad_of(conv, graph.type(node.inputs[0]).rank());
      inputs[0] = {copy.add(node.name + ".pad", pad, {inputs[0]}, node.skip), 0};
      conv.padding.clear();
      conv.pad_mode = ops::PadMode::kZeros;
    }
    made.push_back(copy.add(node.name, std::move(op), std::move(inputs), node.skip));
  }
  for (const Output& output : graph.outputs()) copy.add_output(output.name, moved(output.value));
  return copy;
}

}  // namespace rung
