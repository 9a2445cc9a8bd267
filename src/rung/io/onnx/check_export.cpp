#include "rung/io/onnx/check_export.h"

#include <algorithm>

#include "rung/base/text.h"
#include "rung/io/onnx/importer.h"

namespace rung::onnx_export {
namespace {

/// The file at one set of sizes, which makes every size in it a number: the first value that has
/// another shape than in `graph`, or what goes wrong.
std::optional<std::string> difference(const OnnxFile& file, const Exported& exported,
                                      const Graph& graph) {
  std::vector<onnx_import::GraphInput> inputs;
  onnx_import::InputSizes sizes;
  for (const NodeId id : graph.inputs()) {
    const auto& input = *graph.op_as<ops::Input>(id);
    const std::string& name = file.proto->graph().input(static_cast<int>(inputs.size())).name();
    inputs.push_back({name, {.type = input.type}});
    sizes.push_back(input.type.shape);
  }
  Model read;
  OnnxReport ignored;
  try {
    read = onnx_import::lower(file, inputs, {sizes}, {}, ignored);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUser) return std::nullopt;  // what cannot be read tells nothing
    return split(error.what(), '\n').front();
  }
  for (size_t i = 0; i < exported.names.size(); ++i) {
    const auto& [value, name] = exported.names[i];
    const Shape& have = read.graph.type(read.graph.outputs()[i].value).shape;
    const Shape& want = graph.type(value).shape;
    if (have != want)
      return fmt::format("{}, {} in place of {}", name, to_string(have), to_string(want));
  }
  return std::nullopt;
}

InputAxes axes_of(const Graph& graph, const Symbol& symbol) {
  InputAxes out;
  for (const auto& [input, axis] : symbol.axes) out.push_back({graph.node(input).name, axis});
  return out;
}

/// A size that is none of `sizes_to_try`, and the graph at it.
std::optional<std::pair<int64_t, Graph>> other_size(const Graph& graph, const Symbol& symbol) {
  const auto& [input, axis] = symbol.axes.front();
  const int64_t size = graph.node(input).types[0].shape[axis];
  for (const int64_t other : {size + 94, size + 96, 3 * size}) {
    Resized found = at_size(graph, axes_of(graph, symbol), other);
    if (!found.refused) return std::pair{other, std::move(found.graph)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<NotFollowed> find_not_followed(std::shared_ptr<onnx::ModelProto> proto,
                                             const Exported& exported, const Sized& sized) {
  const Graph& graph = sized.model->graph;
  AxisSizes sizes;
  std::vector<std::pair<size_t, Graph>> alone;
  for (size_t i = 0; i < sized.symbols.size(); ++i) {
    auto other = other_size(graph, sized.symbols[i]);
    if (!other) continue;
    for (const InputAxis& axis : axes_of(graph, sized.symbols[i])) sizes[axis] = other->first;
    alone.emplace_back(i, std::move(other->second));
  }
  auto& outputs = *proto->mutable_graph()->mutable_output();
  const auto written = outputs;
  outputs.Clear();
  for (const auto& [value, name] : exported.names) outputs.Add()->set_name(name);
  const OnnxFile file{proto, {}, nullptr};
  std::optional<NotFollowed> out;
  const Resized together = at_sizes(graph, sizes);
  if (together.refused || difference(file, exported, together.graph)) {
    for (const auto& [symbol, other] : alone) {
      if (out) break;
      if (auto why = difference(file, exported, other)) out = {symbol, *why};
    }
    if (!out && !together.refused && !alone.empty()) {
      out = {alone.back().first, *difference(file, exported, together.graph)};
    }
  }
  outputs = written;
  return out;
}

}  // namespace rung::onnx_export
