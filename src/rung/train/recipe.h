#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

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
  nlohmann::json settings;  ///< networks, skips, data and loss as written, for TrainRun::settings
};

/// Reads a TOML recipe, changed by `--set`-like assignments ("train.epochs=3"). Throws a user error
/// that names the file and line: unknown keys, wrong types, values out of range; and what joining
/// throws.
Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& assignments);

/// Opens the data of a recipe.
OpenedData open_data(const Recipe& recipe);
/// The task for it.
std::unique_ptr<Task> make_task(const Recipe& recipe, const OpenedData& data);

}  // namespace rung
