#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace rung {

/// A table of text: a line of column names, then rows, each with a cell per column.
struct Csv {
  std::string file;  ///< for messages
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<int64_t> lines;  ///< where each row stands in the file, from 1

  /// Throws a user error with the columns that exist.
  size_t column(const std::string& name) const;
  /// Throws a user error that names file, line and column where the cell is no finite number.
  double number(size_t row, size_t column) const;
};

/// Reads comma-separated values with a header line; cells may stand in double quotes ("" is one
/// quote). Empty lines are passed over. Throws a user error that names file and line: nothing
/// inside, a row of another length, a name given twice, a quote that is not closed.
Csv load_csv(const std::filesystem::path& path);

}  // namespace rung
