#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rung/train/dataset.h"
#include "rung/train/mask_classes.h"

namespace rung {

/// What an input of the network is given: images, or numbers.
struct TableInput {
  std::string input;  ///< its name
  std::string image;  ///< a column of files, relative to the table: f32 [N, C, H, W] in 0 … 1; or
  /// columns of numbers, each scaled by mean and deviation of the training part: f32 [N, columns].
  std::vector<std::string> numbers = {};
  int channels = 3;                                                ///< images: 1 or 3
  std::optional<std::pair<int64_t, int64_t>> size = std::nullopt;  ///< images: height and width
};

/// What an output is trained for: one of these.
struct TableTarget {
  std::string label = {};                 ///< a column of classes: i64 [N]
  std::vector<std::string> numbers = {};  ///< columns, scaled as inputs are: f32 [N, columns]
  std::string mask = {};                  ///< a column of mask files: see SegmentationData
  MaskMeaning meaning = {};
};

/// A CSV with a row per sample, for networks of several inputs and outputs; columns `split` and
/// `group` say the parts as in ClassificationData.
struct TableData {
  std::filesystem::path csv = {};
  std::vector<TableInput> inputs = {};    ///< in the order of the network's
  std::vector<TableTarget> targets = {};  ///< in the order of the outputs
  double validation = 0.1, test = 0.1;    ///< shares of all samples, where the table names no parts
  std::optional<std::pair<int64_t, int64_t>> fold = std::nullopt;  ///< see SplitOptions
  uint64_t seed = 0;                                               ///< draws the parts
};

/// Parts that are drawn hold the classes of the first column of labels in equal shares. Throws a
/// user error that names file and line: a file that is missing or broken, a cell that is no number,
/// a column that is constant or is not there, a mask of another size than the first image.
OpenedData open_table(const TableData& options);

}  // namespace rung
