#pragma once

#include <filesystem>
#include <optional>

#include "rung/train/augment.h"
#include "rung/train/dataset.h"

namespace rung {

struct SegmentationData {
  std::filesystem::path images = {};
  std::filesystem::path masks = {};  ///< the mask of images/NAME.png is masks/NAME.png (or .jpg)
  /// CSV with columns id (NAME) and split (train, val, test); missing: parts are drawn.
  std::filesystem::path index = {};
  /// Height and width of the training crops, drawn at random; missing: whole images. An image that
  /// is smaller is used whole, and its missing part is zero.
  std::optional<std::pair<int64_t, int64_t>> crop = std::nullopt;
  int channels = 3;         ///< 1 or 3
  double validation = 0.1;  ///< share of the images that are not for testing
  double test = 0.2;        ///< share of all images, where there is no index
  Augment augment = {.rotate = true};
  uint64_t seed = 0;  ///< draws the parts
};

/// Images and masks of the foreground (above half of the range). Throws a user error that names the
/// file: an image without a mask, a mask of another size, a broken file, an unknown split or id.
OpenedData open_segmentation(const SegmentationData& options);

}  // namespace rung
