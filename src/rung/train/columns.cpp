#include "rung/train/columns.h"

#include <cmath>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {

at::Tensor read_columns(const Csv& csv, const std::vector<size_t>& columns) {
  at::Tensor out = at::empty(
      {static_cast<int64_t>(csv.rows.size()), static_cast<int64_t>(columns.size())}, at::kDouble);
  auto* value = out.data_ptr<double>();
  for (size_t row = 0; row < csv.rows.size(); ++row) {
    for (const size_t column : columns) *value++ = csv.number(row, column);
  }
  return out;
}

std::vector<ColumnScale> measure_columns(const Csv& csv, const std::vector<size_t>& columns,
                                         const at::Tensor& values,
                                         const std::vector<int64_t>& rows) {
  const at::Tensor seen = values.index_select(0, at::tensor(rows, at::kLong));
  const at::Tensor means = seen.mean(0), deviations = seen.std(0, /*unbiased=*/false);
  std::vector<ColumnScale> scales;
  for (size_t k = 0; k < columns.size(); ++k) {
    const auto at = static_cast<int64_t>(k);
    const std::string& name = csv.columns.at(columns[k]);
    scales.push_back({name, means[at].item<double>(), deviations[at].item<double>()});
    if (std::isfinite(scales.back().mean) && std::isfinite(scales.back().deviation)) continue;
    fail_user("{}: the numbers of column {} are too large to be squared", csv.file, quoted(name));
  }
  return scales;
}

bool is_constant(const ColumnScale& scale) {
  return scale.deviation <= 1e-12 * std::abs(scale.mean);
}

at::Tensor scaled(const at::Tensor& values, const std::vector<ColumnScale>& scales) {
  std::vector<double> means, deviations;
  for (const auto& scale : scales) {
    means.push_back(scale.mean);
    deviations.push_back(scale.deviation);
  }
  const at::Tensor mean = at::tensor(means, at::kDouble);
  return ((values - mean) / at::tensor(deviations, at::kDouble)).to(at::kFloat).contiguous();
}

}  // namespace rung
