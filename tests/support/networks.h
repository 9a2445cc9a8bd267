#pragma once

#include <string>
#include <string_view>

#include "rung/base/error.h"
#include "rung/graph/model.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"

// What the tests of networks ask again and again.
namespace rung::testing {

/// Elements of all weights that an optimiser moves.
inline int64_t parameter_count(const Graph& graph) {
  int64_t total = 0;
  for (const NodeId id : graph.params()) {
    if (!graph.op_as<ops::Param>(id)->buffer) total += graph.type({id, 0}).elements();
  }
  return total;
}

inline Shape tap_shape(const Model& model, std::string_view tap) {
  return model.graph.type(TapIndex(model.graph).find(tap).value).shape;
}

inline Shape output_shape(const Graph& graph) {
  return graph.type(graph.outputs().at(0).value).shape;
}

/// The shape of a weight; empty where there is none of that name.
inline Shape weight_shape(const Model& model, std::string_view name) {
  const auto id = model.graph.find(name);
  if (!id || model.graph.op_as<ops::Param>(*id) == nullptr) return {};
  return model.graph.type({*id, 0}).shape;
}

/// The network of one input planned again at another shape of it.
inline Graph at_shape(const Model& model, const Shape& shape) {
  const NodeId input = model.graph.inputs().at(0);
  TensorType type = model.graph.type({input, 0});
  type.shape = shape;
  return retype(model.graph, {{model.graph.node(input).name, type}});
}

/// The message of the rung::Error that `run` throws; empty where it throws none.
template <typename F>
std::string error_of(F&& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace rung::testing
