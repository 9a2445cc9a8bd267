#include "rung/cli/check_sizes.h"

#include <algorithm>

#include "rung/base/text.h"

namespace rung::cli {
namespace {

/// How one set of sizes comes from the example's.
struct Change {
  int64_t batch = 0;            ///< 0: as it is
  int64_t first = 0, rest = 0;  ///< added to the first axis of space or time, and to the others
};

Shape changed(const TensorType& type, const Change& change) {
  Shape shape = type.shape;
  bool first = true;
  for (size_t axis = 0; axis < type.rank(); ++axis) {
    const Role role = type.roles[axis];
    if (role == Role::kBatch && change.batch > 0) shape[axis] = change.batch;
    if (role != Role::kSpace && role != Role::kTime) continue;
    shape[axis] = std::max<int64_t>(1, shape[axis] + (first ? change.first : change.rest));
    first = false;
  }
  return shape;
}

InputShapes changed(const Graph& graph, const Change& change) {
  InputShapes shapes;
  for (const NodeId id : graph.inputs()) {
    shapes.emplace(graph.node(id).name, changed(graph.type({id, 0}), change));
  }
  return shapes;
}

}  // namespace

std::vector<InputShapes> sizes_to_check(const Graph& graph) {
  std::vector<InputShapes> all;
  for (const Change& change :
       {Change{}, Change{.batch = 1}, Change{.batch = 2}, Change{.batch = 3},
        Change{.first = 5, .rest = 3}, Change{.batch = 2, .first = -3, .rest = 7},
        Change{.first = 32, .rest = 64}}) {
    InputShapes shapes = changed(graph, change);
    if (std::find(all.begin(), all.end(), shapes) == all.end()) all.push_back(std::move(shapes));
  }
  return all;
}

std::string sizes_text(const InputShapes& shapes) {
  std::vector<std::string> texts;
  for (const auto& [name, shape] : shapes) {
    std::vector<std::string> sizes;
    for (const int64_t size : shape) sizes.push_back(std::to_string(size));
    texts.push_back(name + " " + join(sizes, "x"));
  }
  return join(texts, ", ");
}

std::string sizes_text(const Graph& graph) { return sizes_text(changed(graph, {})); }

}  // namespace rung::cli
