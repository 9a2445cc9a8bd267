#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "rung/exec/eager/module.h"
#include "rung/train/dataset.h"
#include "rung/train/log.h"
#include "rung/train/optimizer.h"
#include "rung/train/options.h"

namespace rung {

/// What a run depends on besides its network.
struct RunSettings {
  const TrainOptions& options;
  const nlohmann::json& settings;          ///< TrainRun::settings
  const std::vector<FileDigest>& digests;  ///< of the data
  int threads = 1;
};

/// Writes everything that the next epoch depends on into one safetensors file, whole or not at all:
/// the weights, the optimiser's state, the log, and the settings of the run.
void save_checkpoint(const std::filesystem::path& path, const ModuleImpl& net,
                     const torch::optim::Optimizer& optimizer, const TrainLog& log,
                     const RunSettings& run);

struct RestoredRun {
  TrainLog log;
  std::vector<std::string> notes;  ///< why the bits may differ from an uninterrupted run's
};

/// Puts a network and its optimiser where the checkpoint left them, and gives the log. Throws a
/// user error: no checkpoint, another network (the first weight that differs), other settings
/// (each, with both values), other data (the files that changed). More epochs are no other setting
/// where the schedule does not depend on how many there are; another number of threads is noted.
RestoredRun load_checkpoint(const std::filesystem::path& path, ModuleImpl& net,
                            torch::optim::Optimizer& optimizer, const RunSettings& run);

/// Why the data and settings are not those of the run that wrote the checkpoint, or nothing.
std::string differs_from_run(const std::filesystem::path& path, const RunSettings& run);

}  // namespace rung
