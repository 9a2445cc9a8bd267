#include "rung/exec/onednn/fold_constants.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/exec/onednn/pipeline.h"
#include "rung/graph/passes/rebuild.h"

namespace rung::onednn {
namespace {

/// Nodes of one output whose inputs are all known, and that are known themselves therefore.
std::vector<bool> computable(const Graph& graph) {
  std::vector<bool> known(graph.size(), false);
  for (size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    known[i] = std::holds_alternative<ops::Param>(node.op) ||
               std::holds_alternative<ops::Constant>(node.op) ||
               (!is_leaf(node.op) && !std::holds_alternative<ops::Opaque>(node.op) &&
                node.types.size() == 1 && !node.inputs.empty() &&
                std::all_of(node.inputs.begin(), node.inputs.end(), [&](Value input) {
                  return known[static_cast<size_t>(input.node.index)];
                }));
  }
  return known;
}

/// Those that somebody reads who is not known, or that leave the network.
std::vector<Output> wanted(const Graph& graph, const std::vector<bool>& known) {
  std::vector<bool> read(graph.size(), false);
  for (size_t i = 0; i < graph.size(); ++i) {
    if (known[i]) continue;
    for (const Value input : graph.nodes()[i].inputs)
      read[static_cast<size_t>(input.node.index)] = true;
  }
  for (const Output& output : graph.outputs()) {
    read[static_cast<size_t>(output.value.node.index)] = true;
  }
  std::vector<Output> list;
  for (size_t i = 0; i < graph.size(); ++i) {
    if (known[i] && read[i] && !is_leaf(graph.nodes()[i].op)) {
      list.push_back({graph.nodes()[i].name, {graph.id(i), 0}});
    }
  }
  return list;
}

}  // namespace

Model fold_constants(const Model& model, const CompileOptions& options) {
  const auto outputs = wanted(model.graph, computable(model.graph));
  if (outputs.empty()) return model;
  CompileOptions plain{.threads = options.threads, .measure = false, .cache = {}};
  Packer packer;
  PlanCache cache({});
  std::vector<Tensor> values;
  try {
    const Prepared part{.model = {extract(model.graph, outputs), model.weights, {}}, .notes = {}};
    const auto compiled = compile_for(part, {}, {}, plain, packer, cache);
    std::vector<std::byte*> memory;
    for (const TensorType& type : compiled->outputs) {
      values.emplace_back(type.dtype, type.shape);
      memory.push_back(values.back().data());
    }
    Frame(compiled->plan).run({}, memory);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    return model;
  }
  Rebuild rebuild(model.graph);
  Weights made;
  for (size_t k = 0; k < outputs.size(); ++k) {
    const ops::Param param{.dtype = values[k].dtype(), .shape = values[k].shape(), .buffer = true};
    rebuild.change(outputs[k].value.node, {.op = param, .inputs = {}, .params = {}});
    made.emplace(outputs[k].name, values[k]);
  }
  return with_graph(model, rebuild.finish(), std::move(made));
}

}  // namespace rung::onednn
