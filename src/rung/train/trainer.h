#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "rung/exec/eager/module.h"
#include "rung/train/dataset.h"
#include "rung/train/log.h"
#include "rung/train/objective.h"
#include "rung/train/options.h"
#include "rung/train/task.h"

namespace rung {

/// Where a run stands; given to an observer after every step.
struct TrainProgress {
  int64_t epoch = 0, epochs = 0;  ///< from 1
  int64_t step = 0, steps = 0;    ///< of the epoch, from 1
  double loss = 0;                ///< mean of the epoch so far
  std::vector<double> metrics;    ///< of the epoch so far, in training
  double rate = 0;
  double samples_per_second = 0;
  double seconds_left = 0;  ///< of the whole run, from what it took so far
};

struct TrainRun {
  /// Where the checkpoint, history.csv, best.rung, last.rung and log.json go; empty: nothing is
  /// written.
  std::filesystem::path folder = {};
  /// Whatever else the run depends on (data, networks, loss): kept in the checkpoint, and a run
  /// that goes on must be given the same.
  nlohmann::json settings = nlohmann::json::object();
  std::vector<FileDigest> digests = {};  ///< of the data, kept likewise
  bool resume = false;                   ///< goes on from the folder's checkpoint
  std::function<void(const std::string&)> on_note = nullptr;  ///< what is odd, one line each
  std::function<void(const TrainProgress&)> on_step = nullptr;
  std::function<void(const TrainLog&)> on_epoch = nullptr;  ///< after its files are written
};

/// Trains the weights that are not frozen, and leaves the network with those of the best epoch.
/// The same seed, data, options and threads give the same bits, interrupted or not. Files hold the
/// network without what only hints need.
/// Throws a user error: options that make no sense, an output that does not fit its task, a loss
/// that is not finite (with epoch and step), a file that cannot be written (the old one is whole).
TrainLog train(ModuleImpl& net, const DataParts& data, const Objective& objective,
               const TrainOptions& options = {}, const TrainRun& run = {});
/// The same for a network of one output.
TrainLog train(ModuleImpl& net, const DataParts& data, const Task& task,
               const TrainOptions& options = {}, const TrainRun& run = {});

/// Loss and metrics in evaluation mode, without changing anything.
PartResult evaluate(ModuleImpl& net, const Dataset& data, const Objective& objective,
                    const TrainOptions& options = {});
PartResult evaluate(ModuleImpl& net, const Dataset& data, const Task& task,
                    const TrainOptions& options = {});

}  // namespace rung
