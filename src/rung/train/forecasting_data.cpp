#include "rung/train/forecasting_data.h"

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/io/csv.h"
#include "rung/train/columns.h"
#include "rung/train/digest.h"

namespace rung {
namespace {

class Windows : public Dataset {
 public:
  /// Predicts the rows [first, last).
  Windows(at::Tensor inputs, at::Tensor targets, const ForecastingData& options, int64_t first,
          int64_t last)
      : inputs_(std::move(inputs)),
        targets_(std::move(targets)),
        window_(options.window),
        horizon_(options.horizon),
        first_(std::max(first, window_)),
        count_(std::max<int64_t>(0, last - horizon_ + 1 - first_)) {}

  int64_t size() const override { return count_; }
  std::vector<int64_t> shape(int64_t, bool) const override { return {window_, inputs_.size(1)}; }
  Batch batch(std::span<const int64_t> indices, Rng*) const override {
    std::vector<at::Tensor> seen, next;
    for (const int64_t index : indices) {
      const int64_t row = first_ + index;
      seen.push_back(inputs_.narrow(0, row - window_, window_));
      next.push_back(targets_.narrow(0, row, horizon_));
    }
    return {at::stack(seen), at::stack(next)};
  }

 private:
  at::Tensor inputs_, targets_;
  int64_t window_, horizon_, first_, count_;
};

bool is_numeric(const Csv& csv, size_t column) {
  const std::string cell(trim(csv.rows.front()[column]));
  char* end = nullptr;
  std::strtod(cell.c_str(), &end);
  return !cell.empty() && *end == '\0';
}

std::vector<size_t> columns_of(const Csv& csv, const std::vector<std::string>& names) {
  std::vector<size_t> out;
  for (const auto& name : names) out.push_back(csv.column(name));
  return out;
}

/// Rows at which training and validation end, and all end.
struct Bounds {
  int64_t train, validation, test;
};

Bounds bounds_of(const ForecastingData& options, int64_t rows) {
  const auto& split = options.split;
  if (split.size() != 3 || std::any_of(split.begin(), split.end(),
                                       [](double part) { return !(part >= 0) || part > 1e12; })) {
    fail_user("data.split is [train, validation, test], as shares or as numbers of rows");
  }
  const double sum = split[0] + split[1] + split[2];
  const bool shares = sum <= 1 + 1e-9;
  if (!shares && std::all_of(split.begin(), split.end(), [](double part) { return part < 1; })) {
    fail_user("data.split is [{}, {}, {}]: shares that add up to {}, and 1 is all there is",
              split[0], split[1], split[2], sum);
  }
  const double unit = shares ? static_cast<double>(rows) : 1;
  if (!shares && sum > static_cast<double>(rows)) {
    fail_user("data.split asks for {} rows, and {} has {}", sum, options.file.string(), rows);
  }
  const auto at = [&](double part) { return static_cast<int64_t>(std::llround(part * unit)); };
  return {at(split[0]), at(split[0] + split[1]), std::min(rows, at(sum))};
}

/// The place of each target among the inputs, or -1.
std::vector<int64_t> target_places(const ForecastingData& options) {
  std::vector<int64_t> out;
  for (const auto& target : options.targets) {
    const auto found = std::find(options.inputs.begin(), options.inputs.end(), target);
    out.push_back(found == options.inputs.end() ? -1 : found - options.inputs.begin());
  }
  return out;
}

}  // namespace

OpenedData open_forecasting(const ForecastingData& given) {
  ForecastingData options = given;
  if (options.file.empty()) fail_user("forecasting data needs data.file");
  if (options.window < 1 || options.horizon < 1) {
    fail_user("data.window and data.horizon are 1 or more, and they are {} and {}", options.window,
              options.horizon);
  }
  const Csv csv = load_csv(options.file);
  std::vector<std::string> left_out;
  if (options.inputs.empty()) {
    for (size_t i = 0; i < csv.columns.size(); ++i) {
      (is_numeric(csv, i) ? options.inputs : left_out).push_back(csv.columns[i]);
    }
    if (options.inputs.empty()) fail_user("{} has no column of numbers", csv.file);
  }
  if (options.targets.empty()) options.targets = options.inputs;
  const auto seen = columns_of(csv, options.inputs), predicted = columns_of(csv, options.targets);
  const auto rows = static_cast<int64_t>(csv.rows.size());
  const Bounds bounds = bounds_of(options, rows);
  if (bounds.train < options.window + options.horizon) {
    fail_user("{} has {} rows to train on; a window of {} and a horizon of {} need {}", csv.file,
              bounds.train, options.window, options.horizon, options.window + options.horizon);
  }
  OpenedData out;
  if (!left_out.empty()) {
    out.notes.push_back(
        fmt::format("columns without numbers are left out: {}; data.inputs chooses columns",
                    join(left_out, ", ")));
  }
  out.digests = {{options.file.filename().string(), digest_of(read_file(options.file))}};
  const auto standardised = [&](const std::vector<size_t>& columns,
                                std::vector<ColumnScale>& scales) {
    const at::Tensor values = read_columns(csv, columns);
    scales = measure_columns(csv, columns, values, in_order(bounds.train));
    for (auto& scale : scales) {
      if (scale.deviation <= 1e-12) scale.deviation = 1;
    }
    return scaled(values, scales);
  };
  std::vector<ColumnScale> targets_by;
  const at::Tensor inputs = standardised(seen, out.inputs),
                   targets = standardised(predicted, targets_by);
  for (const auto& scale : targets_by) out.scales.emplace_back(scale.mean, scale.deviation);
  const auto part = [&](int64_t from, int64_t to) {
    return std::make_shared<Windows>(inputs, targets, options, from, to);
  };
  out.names = options.targets;
  out.places = target_places(options);
  out.parts = {part(0, bounds.train), part(bounds.train, bounds.validation),
               part(bounds.validation, bounds.test)};
  out.text = fmt::format(
      "{} rows, {} columns seen, {} predicted; {} windows to train, {} to "
      "validate, {} to test",
      rows, options.inputs.size(), options.targets.size(), out.parts.train->size(),
      out.parts.validation->size(), out.parts.test->size());
  return out;
}

}  // namespace rung
