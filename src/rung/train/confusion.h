#pragma once

#include <nlohmann/json.hpp>

#include "rung/train/losses.h"

namespace rung {

/// How often each class was taken for each, over samples or pixels that are counted.
class Confusion {
 public:
  /// `exclusive`: one class of several; else each class is there or not.
  Confusion(std::vector<std::string> names, bool exclusive);

  /// `found`: i64 [N, …] of exclusive classes, bool [N, C, …] of overlapping ones; the truth as in
  /// `Classes`.
  void add(const at::Tensor& found, const at::Tensor& truth);

  /// Of one class: found and there, found and not there, there and not found.
  struct Counts {
    int64_t hits = 0, wrong = 0, missed = 0;
    // Each is 1 where the class is neither there nor found.
    double iou() const;
    double dice() const;       ///< F1
    double precision() const;  ///< 0 where it is there and never found
    double recall() const;     ///< 0 where it is found and never there
    bool seen() const { return hits + wrong + missed > 0; }
  };
  Counts of(size_t c) const;
  /// The mean of a figure over the classes that are there or were found; 0 without any.
  double mean(double (Counts::*figure)() const) const;
  /// The share of what was right among all that is counted.
  double accuracy() const;

  /// {"classes": [{"name", "iou", "dice", "precision", "recall", "count"}], "confusion": [[…]]}:
  /// a row of `confusion` is what a class was taken for (exclusive classes alone).
  nlohmann::json to_json() const;

 private:
  int64_t at(size_t truth, size_t found) const { return table_[truth * names_.size() + found]; }

  std::vector<std::string> names_;
  bool exclusive_;
  std::vector<int64_t> table_;   ///< exclusive: [truth][found]
  std::vector<Counts> counts_;   ///< overlapping
  int64_t right_ = 0, all_ = 0;  ///< overlapping: yes and no
};

/// The area under the curve of true against false positives of a yes or no: the chance that a yes
/// scores above a no, ties half. NaN where there is but one of them. f32 [N] and bool [N].
double roc_auc(const at::Tensor& scores, const at::Tensor& truth);

}  // namespace rung
