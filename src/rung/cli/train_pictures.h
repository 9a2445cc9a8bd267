#pragma once

#include <filesystem>
#include <string>

#include "rung/exec/eager/module.h"
#include "rung/train/dataset.h"
#include "rung/train/log.h"
#include "rung/train/options.h"

namespace rung::cli {

/// Loss and metrics over the epochs, training and validation, as curves.svg.
void draw_curves(const TrainLog& log, const std::filesystem::path& folder);

/// The samples that are shown, and the name of the part that they are from.
struct ShownPart {
  const Dataset& data;
  std::string name;
};

/// What the network says about some of these samples beside the truth; returns the file's name.
/// Segmentation: predictions.png, a row each of image, truth and prediction. Classification:
/// predictions.png, images framed in green where the class is right and in red where it is not,
/// those that are wrong last. Forecasting: predictions.svg, the first column predicted beside what
/// came. Regression: predictions.svg, each target in the order of its truth, or, of images,
/// predictions.png as of segmentation.
std::string draw_predictions(ModuleImpl& net, const OpenedData& opened, const ShownPart& shown,
                             const Task& task, const TrainOptions& options,
                             const std::filesystem::path& folder);

}  // namespace rung::cli
