#pragma once

#include <filesystem>
#include <optional>

#include "rung/train/augment.h"
#include "rung/train/dataset.h"
#include "rung/train/mask_classes.h"

namespace rung {

struct SegmentationData {
  std::filesystem::path images = {};
  /// The mask of images/NAME.png is masks/NAME.png (or .jpg); where the classes have no marks, it
  /// is masks/CLASS/NAME.png for each class, and missing where the class is not in the image.
  std::filesystem::path masks = {};
  std::filesystem::path annotations = {};  ///< or a COCO file, which brings the classes
  MaskMeaning meaning = {};
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

/// Images and their masks. Throws a user error that names the file: an image without a mask, a mask
/// of another size, a broken file, a mask that does not mean what `meaning` says, an unknown split
/// or id; masks in which nothing, or nothing but one class, is marked.
OpenedData open_segmentation(const SegmentationData& options);

}  // namespace rung
