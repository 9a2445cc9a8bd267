#pragma once

#include <vector>

namespace rung {

/// The value below which this share lies, between neighbours in proportion; 0 of none.
double quantile(std::vector<double> values, double share);
double median(std::vector<double> values);

}  // namespace rung
