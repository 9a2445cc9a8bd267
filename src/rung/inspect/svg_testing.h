#pragma once

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace rung::svg {

/// Empty where `text` is well-formed XML of elements and text, else what is wrong. For tests.
inline std::string xml_problem(std::string_view text) {
  std::vector<std::string_view> open;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '&' && text.substr(i, 4) != "&lt;" && text.substr(i, 4) != "&gt;" &&
        text.substr(i, 5) != "&amp;" && text.substr(i, 6) != "&quot;") {
      return "a bare & at " + std::to_string(i);
    }
    if (text[i] != '<') {
      ++i;
      continue;
    }
    size_t end = i;
    for (bool quotes = false; end < text.size() && (quotes || text[end] != '>'); ++end) {
      if (text[end] == '"') quotes = !quotes;
      if (text[end] == '<' && end > i) return "a bare < at " + std::to_string(end);
    }
    if (end == text.size()) return "an element without an end at " + std::to_string(i);
    const auto tag = text.substr(i + 1, end - i - 1);
    const auto name = tag.substr(0, tag.find_first_of(" /\n", 1));
    if (tag.front() == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return "unmatched " + std::string(tag);
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    i = end + 1;
  }
  return open.empty() ? "" : "not closed: " + std::string(open.back());
}

/// How often `part` stands in `text`.
inline size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace rung::svg
