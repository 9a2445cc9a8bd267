#include "rung/base/table.h"

#include <algorithm>

#include "rung/base/error.h"

namespace rung {
namespace {

// Code points of UTF-8: all bytes but the continuations.
size_t width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

void TextTable::add(std::vector<std::string> cells) {
  if (cells.size() != headings_.size()) {
    fail_bug("a row of {} cells in a table of {} columns", cells.size(), headings_.size());
  }
  rows_.push_back(std::move(cells));
}

std::string TextTable::text() const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < headings_.size(); ++i) {
    widths.push_back(width(headings_[i].text));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  const auto add_line = [&](const auto& cell_of) {
    for (size_t i = 0; i < headings_.size(); ++i) {
      const std::string& cell = cell_of(i);
      const std::string fill(widths[i] - width(cell), ' ');
      out += headings_[i].align == Column::kRight ? fill + cell : cell + fill;
      out += "  ";
    }
    out.resize(out.find_last_not_of(' ') + 1);
    out += '\n';
  };
  add_line([&](size_t i) -> const std::string& { return headings_[i].text; });
  size_t total = 0;
  for (const size_t w : widths) total += w + 2;
  out += std::string(total < 2 ? 0 : total - 2, '-') + '\n';
  for (const auto& row : rows_) {
    add_line([&](size_t i) -> const std::string& { return row[i]; });
  }
  return out;
}

}  // namespace rung
