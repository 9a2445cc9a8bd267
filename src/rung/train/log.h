#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rung/train/task.h"

namespace rung {

/// Loss and metrics over one part of the data.
struct PartResult {
  double loss = 0;
  std::vector<double> metrics;  ///< in the order of the task's
  nlohmann::json details = {};  ///< Score::details
};

struct EpochResult {
  int64_t epoch = 0;  ///< from 1
  double rate = 0;    ///< of its last step
  double seconds = 0;
  PartResult train;                      ///< while it trained, so of weights that moved
  std::optional<PartResult> validation;  ///< absent where there is no such part
};

/// What happened, epoch by epoch.
struct TrainLog {
  std::string task;
  std::vector<Metric> metrics;
  std::string monitor = {};  ///< the metric, or loss, that chooses the best epoch; empty: the first
  std::vector<EpochResult> epochs;
  int64_t best_epoch = 0;          ///< 0: none yet
  std::optional<PartResult> test;  ///< with the best epoch's weights, measured at the end
  bool stopped_early = false;

  /// What the best epoch is chosen by: `monitor` of validation, of training without one.
  double figure(const EpochResult& epoch) const;
  /// Whether `a` is better than `b`.
  bool better(double a, double b) const;
  double seconds() const;
};

/// A line per epoch: epoch, rate, seconds, train_loss, train_METRIC…, loss, METRIC….
std::string to_csv(const TrainLog& log);
nlohmann::json to_json(const TrainLog& log);
TrainLog log_from_json(const nlohmann::json& json);

}  // namespace rung
