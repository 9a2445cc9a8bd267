#pragma once

#include <onnx/onnx_pb.h>

#include <set>
#include <string>
#include <vector>

#include "rung/graph/model.h"
#include "rung/io/onnx/export.h"

namespace rung::onnx_export {

/// What an axis is called in a file: "batch", "height", …, "axis2" where its role is unknown.
std::string axis_name(const TensorType& type, size_t axis);

/// A size of the inputs that the file leaves free.
struct Symbol {
  std::string name;                             ///< "batch"
  std::vector<std::pair<NodeId, size_t>> axes;  ///< inputs and axes of this size
};

/// A graph at the examples' sizes, and at others: `others[i]` has another size of symbol
/// `symbol_of[i]`.
struct Sized {
  const Model* model = nullptr;
  std::vector<Symbol> symbols;
  std::vector<Graph> others;
  std::vector<size_t> symbol_of;
};

/// Thrown where the file cannot follow a size: places in `others`, and why.
struct SizeVaries {
  std::vector<size_t> places;
  std::string why;
};

/// The weights and the nodes as ONNX has them, without metadata. Throws SizeVaries, and what
/// save_onnx throws.
struct Exported {
  onnx::GraphProto graph;
  std::string packed;  ///< onnx_metadata::kPacked, or empty
  /// What the file calls the graph's values, those that it computes.
  std::vector<std::pair<Value, std::string>> names;
};
Exported write_graph(const Sized& sized, int64_t opset);

}  // namespace rung::onnx_export
