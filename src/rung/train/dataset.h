#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rung/base/rng.h"

namespace rung {

/// Some samples, stacked.
struct Batch {
  at::Tensor input;  ///< f32 [N, …]; images in 0 … 1
  /// What the task wants: classes i64 [N]; masks i64 [N, H, W] of exclusive classes (below 0: not
  /// counted), f32 [N, C, H, W] of a foreground or overlapping classes; rows f32; numbers f32
  /// [N, K], or images of them f32 [N, C, H, W] (no number: not counted).
  at::Tensor target;
  /// Those behind the first, of a network of several inputs (in the order of the graph's) or goals.
  std::vector<at::Tensor> more_inputs = {}, more_targets = {};
};

/// Samples by number. Reading is free of side effects, so that the same numbers and the same random
/// stream give the same bits.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  /// Samples whose shapes are equal can stand in one batch.
  virtual std::vector<int64_t> shape(int64_t index, bool training) const = 0;
  /// Stacks samples of equal shape. `augment` draws crops and changes, in training; null: none.
  virtual Batch batch(std::span<const int64_t> indices, Rng* augment) const = 0;
};

/// Training, validation (chooses the best epoch) and test (measured once). Parts may be empty, but
/// for the first.
struct DataParts {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> validation;
  std::shared_ptr<const Dataset> test;
};

/// A file of the data, and a number for its content.
struct FileDigest {
  std::string name;
  uint64_t digest = 0;
  bool operator==(const FileDigest&) const = default;
};

/// A column, and the mean and standard deviation of its training rows by which it was scaled.
struct ColumnScale {
  std::string name;
  double mean = 0, deviation = 1;
};

/// Data, opened and checked.
struct OpenedData {
  DataParts parts;
  std::vector<std::string> names = {};   ///< of the classes, or of the columns that are predicted
  std::vector<std::string> colors = {};  ///< of the classes as masks show them, "#rrggbb"; or none
  bool overlapping = false;              ///< segmentation: each class has a mask of its own
  /// Height and width that pictures are brought to (averaged over areas), where they are.
  std::optional<std::pair<int64_t, int64_t>> size = std::nullopt;
  /// Regression of images: what their numbers span, where their files say it.
  std::optional<std::pair<double, double>> range = std::nullopt;
  std::vector<int64_t> counts = {};  ///< samples or pixels of each class in the training part
  /// Forecasting, regression: mean and standard deviation by which each of these columns was
  /// scaled; forecasting: its place among the inputs (-1: it is none of them).
  std::vector<std::pair<double, double>> scales = {};
  std::vector<int64_t> places = {};
  std::vector<ColumnScale> inputs = {};  ///< forecasting: the columns that are seen
  std::string text;                      ///< one line about what was read
  std::vector<std::string> notes = {};   ///< what was left out or guessed, and what is odd
  std::vector<FileDigest> digests = {};  ///< of the files that were read
  /// What targets behind the first are: their names, colours, counts, scales.
  std::vector<OpenedData> more_targets = {};

  /// What the data say of a target: these, or one of `more_targets`.
  const OpenedData& target(size_t index) const {
    return index == 0 ? *this : more_targets.at(index - 1);
  }
  /// What users of the trained network must know of the data: {"classes": […], "colors": […],
  /// "overlapping": true, "size": [h, w], "range": [0, 1], "inputs": [{"name", "mean",
  /// "deviation"}, …], "targets": […]}, each where there is such a thing.
  nlohmann::json facts() const;
};

/// The numbers 0 … n-1.
std::vector<int64_t> in_order(int64_t n);
/// The same in an order drawn from `rng`.
std::vector<int64_t> shuffled(int64_t n, Rng& rng);

/// Splits an order into batches of samples of equal shape, at most `size` in each: a batch goes out
/// as soon as it is full, what is left over at the end. In training a sample that would be left
/// alone joins the last full batch of its shape, where there is one.
std::vector<std::vector<int64_t>> make_batches(const Dataset& data, std::span<const int64_t> order,
                                               int64_t size, bool training);

/// How many of `count` samples are for validation and test, given as shares.
struct PartSizes {
  int64_t train = 0, validation = 0, test = 0;
};
/// Throws a user error where nothing is left to train on.
PartSizes split_parts(int64_t count, double validation, double test, const std::string& what);

}  // namespace rung
