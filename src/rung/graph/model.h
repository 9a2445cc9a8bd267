#pragma once

#include <map>
#include <string>

#include "rung/graph/graph.h"
#include "rung/tensor/weights.h"

namespace rung {

/// A network: what it computes, and the weights that exist so far, by the name of their Param.
/// A Param without an entry is drawn by its `init` when somebody needs the bytes (`draw_missing`).
struct Model {
  Graph graph;
  Weights weights;
  std::string name;  ///< the namespace that a join puts it in; empty for a network on its own
  /// What users of the network must know, by key, as JSON: "task" is what it was trained for
  /// (OpenedData::facts). Kept by .rung and ONNX files.
  std::map<std::string, std::string> about = {};
  static constexpr std::string_view kAbout = "rung.about.";  ///< begins its keys in files

  Model named(std::string new_name) const {
    Model copy = *this;
    copy.name = std::move(new_name);
    return copy;
  }
};

/// Draws one weight. Each name has a random stream of its own, so the same seed and name give the
/// same bits, whatever else the network holds.
Tensor draw(const std::string& name, const ops::Param& param, uint64_t seed);

/// Fills in every weight that the model lacks.
void draw_missing(Model& model, uint64_t seed);

/// Throws a user error where a weight's shape or dtype differs from its Param (naming both).
void check_weights(const Model& model);

}  // namespace rung
