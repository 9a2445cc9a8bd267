#pragma once

#include <filesystem>
#include <optional>

#include "rung/train/augment.h"
#include "rung/train/dataset.h"

namespace rung {

struct ImageRegressionData {
  std::filesystem::path images = {};
  /// The target of images/NAME.png is targets/NAME.png (or .jpg), or NAME.npy in a folder of these:
  /// f16, f32 or f64 of [H, W] or [C, H, W], whose values that are no number are not counted.
  std::filesystem::path targets = {};
  /// A number, as it stands in the targets' files, that says that nothing was measured.
  std::optional<double> ignore = std::nullopt;
  /// CSV with columns id (NAME) and split (train, val, test); missing: parts are drawn.
  std::filesystem::path index = {};
  /// Height and width of the training crops, see rung::crop; missing: whole images.
  std::optional<std::pair<int64_t, int64_t>> crop = std::nullopt;
  int channels = 3;         ///< of the images: 1 or 3
  double validation = 0.1;  ///< share of the images that are not for testing
  double test = 0.2;        ///< share of all images, where there is no index
  Augment augment = {};
  uint64_t seed = 0;  ///< draws the parts
};

/// Images and images f32 [C, H, W] of numbers: 0 … 1 of 8 and 16 bits (by 255 and 65535), the
/// values of .npy as they are. What is not counted is no number. Throws a user error that names the
/// file: an image without a target, a target of another size, targets that differ in kind or
/// channels, a broken file, targets in which nothing varies.
OpenedData open_image_regression(const ImageRegressionData& options);

}  // namespace rung
