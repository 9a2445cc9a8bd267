#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rung/train/augment.h"
#include "rung/train/dataset.h"

namespace rung {

struct RegressionData {
  /// A CSV with the columns `file`, `targets`, and, where they are there, `split` (train, val,
  /// test) and `group`, whose images stay in one part.
  std::filesystem::path table = {};
  std::filesystem::path root = {};        ///< of the files; none: the CSV's folder
  std::vector<std::string> targets = {};  ///< columns of numbers
  std::optional<std::pair<int64_t, int64_t>> size = std::nullopt;  ///< height and width
  int channels = 3;                                                ///< 1 or 3
  double validation = 0.05;                                        ///< share of all images
  double test = 0.1;                                               ///< likewise
  std::optional<std::pair<int64_t, int64_t>> fold = std::nullopt;  ///< see SplitOptions
  int64_t limit = 0;  ///< the first so many training images alone; 0: all
  Augment augment = {};
  uint64_t seed = 0;  ///< draws the parts
  /// What the columns are scaled by, where a trained network says so; none: measured.
  std::vector<ColumnScale> scales = {};
};

/// Images and numbers f32 [N, targets], each column less its mean in the training part, divided by
/// its deviation there. Throws a user error that names file and line: what open_classification
/// refuses of a table, no targets, a target given twice, a cell that is no finite number, a column
/// that is constant in the training part, scales of other columns.
OpenedData open_regression(const RegressionData& options);

}  // namespace rung
