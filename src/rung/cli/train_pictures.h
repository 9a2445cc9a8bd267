#pragma once

#include <filesystem>

#include "rung/exec/eager/module.h"
#include "rung/train/dataset.h"
#include "rung/train/log.h"
#include "rung/train/options.h"

namespace rung::cli {

/// Loss and metrics over the epochs, training and validation, as curves.svg.
void draw_curves(const TrainLog& log, const std::filesystem::path& folder);

/// What the network says about some samples of `data` beside the truth; returns the file's name.
/// Segmentation: predictions.png, a row each of image, truth and prediction. Classification:
/// predictions.png, images framed in green where the class is right and in red where it is not,
/// those that are wrong last. Forecasting: predictions.svg, the first column foretold beside what
/// came.
std::string draw_predictions(ModuleImpl& net, const OpenedData& opened, const Dataset& data,
                             const Task& task, const TrainOptions& options,
                             const std::filesystem::path& folder);

}  // namespace rung::cli
