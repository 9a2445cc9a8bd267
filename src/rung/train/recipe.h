#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rung/graph/rewrite.h"
#include "rung/join/plan.h"
#include "rung/train/classification_data.h"
#include "rung/train/forecasting_data.h"
#include "rung/train/options.h"
#include "rung/train/segmentation_data.h"
#include "rung/train/task.h"

namespace rung {

/// A recipe, read and checked, its networks joined; nothing of the data is opened yet.
/// The keys are described in docs/recipe.md.
struct Recipe {
  JoinPlan plan;
  std::variant<ClassificationData, SegmentationData, ForecastingData> data;
  bool dense = false, relative = false;  ///< forecasting
  double label_smoothing = 0;            ///< classification
  double dice = 1;                       ///< segmentation
  std::vector<std::string> freeze;       ///< globs over the joined network's weights
  TrainOptions train;
  std::filesystem::path out;
  std::filesystem::path exported;  ///< a file for the best network; empty: none but those in `out`
  nlohmann::json settings;  ///< networks, skips, data and loss as written, for TrainRun::settings
};

/// How a recipe's `file` is opened; the sizes are those of its `shape`.
using OpenNetwork = std::function<Model(const std::filesystem::path&, const InputShapes&)>;
/// .rung files alone. Who links other readers hands in a function that knows more kinds.
Model open_rung_file(const std::filesystem::path& path, const InputShapes& shapes);

/// Reads a TOML recipe, changed by `--set`-like assignments ("train.epochs=3"). Throws a user error
/// that names the file and line: unknown keys, wrong types, values out of range; and what joining
/// throws.
Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& assignments,
                   const OpenNetwork& open = open_rung_file);

/// Opens the data of a recipe.
OpenedData open_data(const Recipe& recipe);
/// The task for it.
std::unique_ptr<Task> make_task(const Recipe& recipe, const OpenedData& data);

}  // namespace rung
