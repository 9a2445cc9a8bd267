#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rung/graph/model.h"
#include "rung/io/color.h"

namespace rung::cli {

/// A column that a network predicts, in standard deviations from its mean.
struct TargetFacts {
  std::string name;
  double mean = 0, deviation = 1;
};

/// What a network that rung trained says of its outputs (Model::about).
struct TaskFacts {
  std::string task;  ///< classification, segmentation, regression, forecasting; empty: unknown
  std::vector<std::string> classes = {};
  std::vector<Color> colors = {};
  bool overlapping = false;
  std::optional<std::pair<int64_t, int64_t>> size = std::nullopt;  ///< that pictures are brought to
  std::vector<TargetFacts> targets = {};  ///< of regression from a table, and of forecasting
  std::optional<std::pair<double, double>> range = std::nullopt;  ///< of an image's numbers
};

/// Throws a user error where what it says cannot be read.
TaskFacts task_facts(const Model& model);

}  // namespace rung::cli
