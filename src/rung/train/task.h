#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rung/train/dataset.h"

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
  /// What the output says: probabilities of classes [N, K], foreground 0 or 1 [N, 1, H, W], or the
  /// rows foretold [N, horizon, targets].
  virtual at::Tensor predict(const at::Tensor& output, const Batch& batch) const = 0;
};

struct ClassificationTask {
  int64_t classes = 2;
  double label_smoothing = 0;
};
/// Cross entropy of logits [N, classes]; accuracy.
std::unique_ptr<Task> classification_task(const ClassificationTask& options);

struct SegmentationTask {
  double dice = 1;  ///< weight of the Dice term beside the cross entropy of each pixel
};
/// Foreground of logits [N, 1, H, W]; a result of another size is interpolated to the mask's.
/// `iou`: intersection over union of the foreground, over all pixels together; `iou_mean`: over
/// images (1 where there is none and none is found).
std::unique_ptr<Task> segmentation_task(const SegmentationTask& options);

struct ForecastingTask {
  int64_t horizon = 1;
  /// The place of each target among the inputs, or -1.
  std::vector<int64_t> places = {};
  /// Compare every step of an output [N, window + horizon, …]: step t with row t + 1 of the window,
  /// the last `horizon` steps with the rows foretold. All targets must be inputs.
  bool dense = false;
  /// The network foretells the change from the last row (or from the row of its step, where dense).
  bool relative = false;
};
/// Mean squared error of the last `horizon` steps of [N, T, targets], or of a vector [N, horizon ·
/// targets]; `mse` and `mae`, beside those of repeating the last row (`mse_repeat`, `mae_repeat`).
/// Throws a user error where dense or relative need a target that is not an input.
std::unique_ptr<Task> forecasting_task(const ForecastingTask& options);

}  // namespace rung
