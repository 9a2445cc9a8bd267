#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "rung/io/csv.h"
#include "rung/train/dataset.h"

namespace rung {

/// Columns of numbers, f64 [rows, columns]. Throws a user error with the line of a cell that is no
/// finite number.
at::Tensor read_columns(const Csv& csv, const std::vector<size_t>& columns);

/// Mean and deviation of each of these columns over the rows to train on. Throws a user error where
/// the numbers are too large to be squared.
std::vector<ColumnScale> measure_columns(const Csv& csv, const std::vector<size_t>& columns,
                                         const at::Tensor& values,
                                         const std::vector<int64_t>& rows);
/// Whether all numbers of the column are one, but for rounding.
bool is_constant(const ColumnScale& scale);

/// f32 [rows, columns]: each column less its mean, divided by its deviation.
at::Tensor scaled(const at::Tensor& values, const std::vector<ColumnScale>& scales);

}  // namespace rung
