#include "rung/base/statistics.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rung {

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto low = static_cast<size_t>(place);
  const size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (values[high] - values[low]) * (place - std::floor(place));
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

}  // namespace rung
