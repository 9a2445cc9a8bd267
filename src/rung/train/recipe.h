#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rung/graph/normalize.h"
#include "rung/graph/rewrite.h"
#include "rung/join/plan.h"
#include "rung/train/classification_data.h"
#include "rung/train/forecasting_data.h"
#include "rung/train/image_regression_data.h"
#include "rung/train/objective.h"
#include "rung/train/options.h"
#include "rung/train/regression_data.h"
#include "rung/train/segmentation_data.h"
#include "rung/train/table_data.h"
#include "rung/train/task.h"

namespace rung {

/// A loss as a recipe gives it.
struct LossChoice {
  LossOptions options;                          ///< without terms: the task's own
  bool weigh_classes = false;                   ///< by how often each class is there
  std::map<std::string, double> class_weights;  ///< or by the classes' names
};

/// An output that a recipe trains.
struct OutputChoice {
  std::string name;  ///< of the network's output
  double weight = 1;
  LossChoice loss;
  size_t target = 0;  ///< of the data
};

/// A recipe, read and checked, its networks joined; nothing of the data is opened yet.
/// The keys are described in docs/recipe.md.
struct Recipe {
  JoinPlan plan;
  std::variant<ClassificationData, SegmentationData, ForecastingData, RegressionData,
               ImageRegressionData, TableData>
      data;
  bool dense = false, relative = false;  ///< forecasting
  LossChoice loss;                       ///< of [train]
  std::vector<OutputChoice> outputs;     ///< one at least
  std::vector<Hint> hints;
  /// Networks that only hints read: they stay as they are, and run as in evaluation.
  std::vector<std::string> teachers;
  std::vector<std::string> freeze;     ///< globs over the joined network's weights
  std::vector<std::string> notes;      ///< of weights: what was taken, adapted, drawn
  bool measure_normalization = false;  ///< of the input, from the training part
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
/// The recipe's joined network: where the recipe asks for it, with an input that is normalised by
/// the mean and deviation of each channel over the training part.
Model joined_network(const Recipe& recipe, const OpenedData& data);
/// What a network, the recipe's or another one with the same outputs, is trained for with the
/// recipe's data; without hints where it lacks their taps. Throws a user error: class weights of
/// classes that are not there, an output whose numbers cannot be what its task wants.
Objective make_objective(const Recipe& recipe, const OpenedData& data, const Graph& network);

}  // namespace rung
