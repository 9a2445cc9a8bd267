#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rung/train/dataset.h"

namespace rung {

struct ForecastingData {
  std::filesystem::path file = {};        ///< CSV with a header line, rows in order of time
  std::vector<std::string> inputs = {};   ///< columns that are seen; empty: all that hold numbers
  std::vector<std::string> targets = {};  ///< columns to predict; empty: the inputs
  int64_t window = 96;                    ///< rows seen
  int64_t horizon = 1;                    ///< rows predicted
  /// Training, validation, test: shares (their sum at most 1) or numbers of rows.
  std::vector<double> split = {0.6, 0.2, 0.2};
};

/// Windows of `window` rows [N, window, inputs], and the `horizon` rows behind each [N, horizon,
/// targets], every column scaled to mean 0 and standard deviation 1 over the training rows. A
/// window of validation or test may begin in the part before; what it predicts does not.
/// Names and scales of what is predicted, and the place of each among the inputs, come with the
/// data. Throws a user error that names file, line and column: not a number, too few rows.
OpenedData open_forecasting(const ForecastingData& options);

}  // namespace rung
