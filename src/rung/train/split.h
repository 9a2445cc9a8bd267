#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rung/io/csv.h"

namespace rung {

/// The numbers of the samples of each part.
struct Split {
  std::vector<int64_t> train, validation, test;
};

struct SplitOptions {
  double validation = 0, test = 0;                                 ///< shares of all samples
  std::optional<std::pair<int64_t, int64_t>> fold = std::nullopt;  ///< which of how many, from 0
  uint64_t seed = 0;
};

/// Draws the parts of `count` samples. Where `labels` are given, every part gets its share of each
/// class (of a class of fewer than three samples, all go to the training part). Where `groups` are
/// given, the samples of a group stay together, and shares are of groups. With `fold`, what is not
/// for testing is cut into as many equal parts, and one of them validates.
/// Throws a user error where nothing is left to train on; `what` names the data.
Split draw_split(int64_t count, const std::vector<int64_t>& labels,
                 const std::vector<std::string>& groups, const SplitOptions& options,
                 const std::string& what);

/// Draws a validation part from the training part that there is.
void draw_validation(Split& split, const std::vector<int64_t>& labels,
                     const std::vector<std::string>& groups, const SplitOptions& options,
                     const std::string& what);

/// The parts that a column of a table names for its rows: train, val (or validation), test. Throws
/// a user error with the line of another word.
Split read_split(const Csv& csv, size_t column);

/// The parts of a table's rows: those of its column `split`, where there is one, the validation
/// part drawn if it lacks one; else drawn, with the groups of its column `group`. `labels` as
/// above. Throws a user error: a fold beside a column of parts, nothing left to train on.
Split split_table(const Csv& csv, const std::vector<int64_t>& labels, const SplitOptions& options);

}  // namespace rung
