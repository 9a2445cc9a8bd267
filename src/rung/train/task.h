#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rung/train/dataset.h"
#include "rung/train/losses.h"

namespace rung {

struct Metric {
  std::string name;
  bool higher_is_better = true;
};

/// Adds up a task's metrics over batches.
class Score {
 public:
  virtual ~Score() = default;
  virtual void add(const at::Tensor& output, const Batch& batch) = 0;
  /// One per metric, in their order.
  virtual std::vector<double> values() const = 0;
  /// What is said of each class, the confusion matrix: see Confusion::to_json. Null: nothing more.
  virtual nlohmann::json details() const { return {}; }
};

/// What a network is trained for: its loss, its metrics, and what its output means.
class Task {
 public:
  virtual ~Task() = default;
  virtual std::string name() const = 0;
  /// Throws a user error with both shapes where the network's output does not fit the data.
  virtual void check(const at::Tensor& output, const Batch& batch) const = 0;
  /// A differentiable number, the mean over the batch.
  virtual at::Tensor loss(const at::Tensor& output, const Batch& batch) const = 0;
  /// The first one chooses the best epoch.
  virtual std::vector<Metric> metrics() const = 0;
  virtual std::unique_ptr<Score> score() const = 0;
  /// What the output says: probabilities of classes [N, K], masks [N, 1, H, W] of class numbers or
  /// of a foreground, 0 or 1, masks [N, K, H, W] of overlapping classes, the rows that come next
  /// [N, horizon, targets], numbers in the table's units [N, targets], or images [N, C, H, W].
  virtual at::Tensor predict(const at::Tensor& output, const Batch& batch) const = 0;
};

struct ClassificationTask {
  int64_t classes = 2;
  std::vector<std::string> names = {};  ///< of the classes; missing: their numbers
  bool overlapping = false;             ///< each class yes or no, instead of one of them
  LossOptions loss = {};                ///< without terms: cross entropy
  OutputForm form = OutputForm::kLogits;
};
/// Classes of an output [N, classes]. Metrics: accuracy, and the means over classes of f1,
/// precision and recall; f1 first where classes overlap.
std::unique_ptr<Task> classification_task(const ClassificationTask& options);

struct SegmentationTask {
  std::vector<std::string> classes = {};  ///< none: a foreground, in one channel
  bool overlapping = false;               ///< each class yes or no, instead of one of them
  LossOptions loss = {};                  ///< without terms: cross entropy and Dice
  OutputForm form = OutputForm::kLogits;
};
/// Masks of an output [N, C, H, W], C one for a foreground, else the number of classes; one of
/// another size is interpolated to the mask's, as logits. Metrics of a foreground: `iou` over all
/// pixels together, `iou_mean` over images (1 where there is none and none is found), dice,
/// precision, recall; of classes: `iou`, dice, precision and recall as means over the classes that
/// are there or were found, accuracy of pixels.
std::unique_ptr<Task> segmentation_task(const SegmentationTask& options);

struct ForecastingTask {
  int64_t horizon = 1;
  /// The place of each target among the inputs, or -1.
  std::vector<int64_t> places = {};
  /// Compare every step of an output [N, window + horizon, …]: step t with row t + 1 of the window,
  /// the last `horizon` steps with the rows that come next. All targets must be inputs.
  bool dense = false;
  /// The network predicts the change from the last row (or from the row of its step, where dense).
  bool relative = false;
  LossOptions loss = {};  ///< without terms: mse
};
/// Mean squared error of the last `horizon` steps of [N, T, targets], or of a vector [N, horizon ·
/// targets]; `mse` and `mae`, beside those of repeating the last row (`mse_repeat`, `mae_repeat`).
/// Throws a user error where dense or relative need a target that is not an input.
std::unique_ptr<Task> forecasting_task(const ForecastingTask& options);

struct RegressionTask {
  std::vector<ColumnScale> targets = {};  ///< of the columns, which batches hold scaled
  LossOptions loss = {};                  ///< without terms: mse
};
/// Numbers of an output [N, targets], in standard deviations from the mean. Metrics: mae, rmse and
/// r2 (1 less the squared error's share in the variance; 0 where nothing varies). Of one target,
/// mae and rmse are in its unit; of several they are means over the targets in standard deviations,
/// and details have each target's in its unit.
std::unique_ptr<Task> regression_task(const RegressionTask& options);

struct ImageRegressionTask {
  bool unit = true;       ///< values are in 0 … 1, so that there is a psnr
  LossOptions loss = {};  ///< without terms: mse
};
/// Images of an output [N, C, H, W] of the targets' shape; what is not finite in a target is not
/// counted. Metrics: psnr in dB, the mean over images (at most 100), mae and rmse over all pixels.
std::unique_ptr<Task> image_regression_task(const ImageRegressionTask& options);

}  // namespace rung
