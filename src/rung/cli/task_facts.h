#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rung/graph/model.h"
#include "rung/io/color.h"

namespace rung::cli {

/// What a network that rung trained says of its outputs (Model::about).
struct TaskFacts {
  std::string task;  ///< classification, segmentation, forecasting; empty: nothing is said
  std::vector<std::string> classes = {};
  std::vector<Color> colors = {};
  bool overlapping = false;
  std::optional<std::pair<int64_t, int64_t>> size = std::nullopt;  ///< that pictures are brought to
};

/// Throws a user error where what it says cannot be read.
TaskFacts task_facts(const Model& model);

}  // namespace rung::cli
