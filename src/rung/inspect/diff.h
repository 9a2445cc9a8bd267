#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rung/graph/model.h"

namespace rung {

struct DiffOptions {
  /// Weights are the same where no number differs by more than `absolute`, or by more than
  /// `relative` of the largest magnitude in the first network's tensor.
  double absolute = 0;
  double relative = 0;
};

struct NodeDifference {
  enum class Kind { kRemoved, kAdded, kChanged };
  Kind kind = Kind::kChanged;
  std::string name;  ///< in the first network, of an added node in the second
  std::string what;  ///< "op", "reads", "type", "output"
  std::string a, b;  ///< on either side; empty where there is nothing
};

struct WeightDifference {
  std::string name;  ///< as NodeDifference::name
  std::string a, b;  ///< "f32[64, 3, 7, 7]", "…, not drawn"; empty: this network has none
  /// Largest difference, and its share of the largest magnitude in the first network's tensor;
  /// infinite where one is NaN. None where there are no numbers to compare.
  std::optional<double> absolute, relative;
};

/// How two networks differ. Names of nodes are no difference: they are told apart from it.
struct ModelDiff {
  std::vector<NodeDifference> graph;      ///< inputs, outputs and whatever computes
  std::vector<WeightDifference> weights;  ///< those beyond the tolerance
  std::vector<std::pair<std::string, std::string>> renamed;  ///< same nodes, other names
  size_t same_nodes = 0;
  size_t same_weights = 0;       ///< within the tolerance
  size_t identical_weights = 0;  ///< of these, bit for bit
  /// Values that have other shapes or roles though the node is the same: what follows from another
  /// difference.
  size_t retyped = 0;
  bool same() const { return graph.empty() && weights.empty(); }
};

ModelDiff diff(const Model& a, const Model& b, const DiffOptions& options = {});
/// Weights without a graph, by name.
ModelDiff diff(const Weights& a, const Weights& b, const DiffOptions& options = {});

/// Tables of what differs, then a line that counts what does not.
std::string to_text(const ModelDiff& diff);
std::string to_json(const ModelDiff& diff);

}  // namespace rung
