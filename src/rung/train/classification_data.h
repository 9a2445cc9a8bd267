#pragma once

#include <filesystem>
#include <optional>

#include "rung/io/csv.h"
#include "rung/train/augment.h"
#include "rung/train/dataset.h"

namespace rung {

struct ClassificationData {
  /// A folder of MNIST's four IDX files (train-images-idx3-ubyte, …, plain or .gz), or
  std::filesystem::path idx = {};
  /// a folder of folders, one a class (CLASS/*.png), or of train/CLASS/… and test/CLASS/….
  std::filesystem::path folder = {};
  /// or a CSV with the columns `file` (relative to it), `label`, and, where they are there: more
  /// columns whose names begin with `label`, each empty or a label (then every label is a yes or no
  /// of its own), `split` (train, val, test) and `group`, whose images stay in one part.
  std::filesystem::path csv = {};
  std::optional<std::pair<int64_t, int64_t>> size = std::nullopt;  ///< height and width
  int channels = 3;                                                ///< 1 or 3
  double validation = 0.05;                                        ///< share of the training images
  double test = 0.1;  ///< where no part for testing is given: share of all images
  std::optional<std::pair<int64_t, int64_t>> fold = std::nullopt;  ///< see SplitOptions
  int64_t limit = 0;  ///< the first so many training images alone; 0: all
  Augment augment = {};
  uint64_t seed = 0;  ///< draws the parts
};

/// Images and their classes. Parts that are drawn hold the classes in equal shares. Throws a user
/// error that names the file: missing, broken, images and labels that differ in number, sizes that
/// differ, fewer than two classes.
OpenedData open_classification(const ClassificationData& options);

/// The labels in columns of a table: i64 [N] of one column, f32 [N, classes] (0 or 1) of several.
/// Sets the classes' names, in their order, and says which differ in spaces or case alone. Throws a
/// user error with the line of an empty label, or where there are fewer than two classes.
at::Tensor read_labels(const Csv& csv, const std::vector<size_t>& columns,
                       std::vector<std::string>& names, std::vector<std::string>& notes);

}  // namespace rung
