#include "rung/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace rung {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == separator) {
      parts.emplace_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  return parts;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

namespace {

// Matches one pattern element at `p` against `c`; returns its length, or 0 where it does not match.
size_t match_one(std::string_view pattern, size_t p, char c) {
  if (pattern[p] == '?') return 1;
  if (pattern[p] == '[') {
    const auto end = pattern.find(']', p + 1);
    if (end != std::string_view::npos) {
      const auto set = pattern.substr(p + 1, end - p - 1);
      return set.find(c) != std::string_view::npos ? end - p + 1 : 0;
    }
  }
  return pattern[p] == c ? 1 : 0;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0;
  size_t star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (const size_t length = p < pattern.size() ? match_one(pattern, p, name[n]) : 0) {
      p += length;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates,
                                 size_t count) {
  // Long inputs would make the distance quadratic in what a stranger typed; names are short.
  const auto key = name.substr(0, 128);
  std::vector<std::pair<size_t, const std::string*>> scored;
  for (const auto& candidate : candidates) {
    size_t score = 2 * edit_distance(key, std::string_view(candidate).substr(0, 128));
    // A name that contains what was typed is a likely meaning even when it is much longer.
    if (!key.empty() && candidate.find(key) != std::string::npos)
      score = std::min<size_t>(score, 3);
    // So is one that begins it: Conv for Convolution.
    if (candidate.size() >= 3 && key.starts_with(candidate)) score = std::min<size_t>(score, 3);
    scored.emplace_back(score, &candidate);
  }
  const size_t keep = std::min(count, scored.size());
  std::partial_sort(scored.begin(), scored.begin() + keep, scored.end(),
                    [](const auto& a, const auto& b) {
                      return std::tie(a.first, *a.second) < std::tie(b.first, *b.second);
                    });
  std::vector<std::string> out;
  for (size_t i = 0; i < keep; ++i) out.push_back(*scored[i].second);
  return out;
}

std::string with_thousands(int64_t value) {
  const std::string digits = std::to_string(value < 0 ? -value : value);
  std::string out = value < 0 ? "-" : "";
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ' ';
    out += digits[i];
  }
  return out;
}

std::string with_unit(double value) {
  static constexpr std::array<const char*, 6> kUnits = {"", " k", " M", " G", " T", " P"};
  size_t unit = 0;
  while (std::fabs(value) >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  const int digits = unit == 0                  ? 0
                     : std::fabs(value) < 9.995 ? 2
                     : std::fabs(value) < 99.95 ? 1
                                                : 0;
  return fmt::format("{:.{}f}{}", value, digits, kUnits[unit]);
}

std::string bytes_text(int64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string Quoted::operator()(std::string_view name) const {
  std::string out = "'";
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace rung
