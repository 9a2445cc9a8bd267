#include "rung/io/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"

namespace rung {
namespace {

/// Takes one record off the front of `text`, which may run over several lines in quotes.
std::vector<std::string> take_record(std::string_view& text, int64_t& line,
                                     const std::string& file) {
  std::vector<std::string> cells(1);
  const int64_t start = line;
  bool quoted_cell = false;
  size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted_cell) {
      if (c != '"') {
        cells.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cells.back() += text[++i];
      } else {
        quoted_cell = false;
      }
    } else if (c == '"' && cells.back().empty()) {
      quoted_cell = true;
    } else if (c == ',') {
      cells.emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  if (quoted_cell) fail_user("{}:{}: a quote is opened and not closed", file, start);
  text.remove_prefix(std::min(i + 1, text.size()));
  return cells;
}

void check_columns(const Csv& csv) {
  for (size_t i = 0; i < csv.columns.size(); ++i) {
    if (std::count(csv.columns.begin(), csv.columns.end(), csv.columns[i]) > 1) {
      fail_user("{}: two columns are called {}", csv.file, quoted(csv.columns[i]));
    }
  }
}

}  // namespace

size_t Csv::column(const std::string& name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) {
    std::vector<std::string> names;
    for (const auto& column : columns) names.push_back(quoted(column));
    fail_user("{} has no column {}; its columns are {}", file, quoted(name), join(names, ", "));
  }
  return static_cast<size_t>(found - columns.begin());
}

double Csv::number(size_t row, size_t column) const {
  const std::string_view cell = trim(rows[row][column]);
  double value = 0;
  const auto result = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  const bool whole = result.ec == std::errc() && result.ptr == cell.data() + cell.size();
  if (!whole || !std::isfinite(value)) {
    fail_user("{}:{}: column {} holds {}, which is not a finite number", file, lines[row],
              quoted(columns[column]), quoted(cell));
  }
  return value;
}

Csv load_csv(const std::filesystem::path& path) {
  Csv csv{.file = path.string()};
  const std::string content = read_file(path);
  std::string_view text = content;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  int64_t line = 1;
  while (!text.empty()) {
    const int64_t start = line;
    auto cells = take_record(text, line, csv.file);
    if (cells.size() == 1 && trim(cells[0]).empty()) continue;
    if (csv.columns.empty()) {
      for (auto& cell : cells) csv.columns.emplace_back(trim(cell));
      continue;
    }
    if (cells.size() != csv.columns.size()) {
      fail_user("{}:{}: {} cells in a table of {} columns", csv.file, start, cells.size(),
                csv.columns.size());
    }
    csv.rows.push_back(std::move(cells));
    csv.lines.push_back(start);
  }
  if (csv.rows.empty()) fail_user("{} holds no rows: a header line and rows are needed", csv.file);
  check_columns(csv);
  return csv;
}

}  // namespace rung
