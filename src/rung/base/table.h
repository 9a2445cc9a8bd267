#pragma once

#include <string>
#include <vector>

namespace rung {

enum class Column { kLeft, kRight };

/// Rows of text in columns, for reports: the header, a line under it, then the rows. Columns are as
/// wide as their widest cell (in characters, not bytes), two spaces apart; no trailing spaces.
class TextTable {
 public:
  struct Heading {
    std::string text;
    Column align = Column::kLeft;
  };
  explicit TextTable(std::vector<Heading> headings) : headings_(std::move(headings)) {}

  /// Throws a bug error where the number of cells differs from that of the headings.
  void add(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<Heading> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace rung
