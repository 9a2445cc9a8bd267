#include "rung/io/rename_table.h"

#include <optional>
#include <set>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"

namespace rung {
namespace {

constexpr std::string_view kArrow = "->";

// What the stars between `parts` stand for in `name`, or nothing where it does not fit.
std::optional<std::vector<std::string_view>> match(const std::vector<std::string>& parts,
                                                   std::string_view name) {
  if (!name.starts_with(parts.front())) return std::nullopt;
  std::vector<std::string_view> stars;
  size_t at = parts.front().size();
  if (parts.size() == 1) {
    if (at != name.size()) return std::nullopt;
    return stars;
  }
  for (size_t i = 1; i + 1 < parts.size(); ++i) {
    const size_t found = name.find(parts[i], at);
    if (found == std::string_view::npos) return std::nullopt;
    stars.push_back(name.substr(at, found - at));
    at = found + parts[i].size();
  }
  const std::string_view rest = name.substr(at);
  if (!rest.ends_with(parts.back())) return std::nullopt;
  stars.push_back(rest.substr(0, rest.size() - parts.back().size()));
  return stars;
}

RenameTable::Rule parse_rule(std::string_view line, const std::string& where) {
  const auto arrow = line.find(kArrow);
  if (arrow == std::string_view::npos || line.find(kArrow, arrow + 1) != std::string_view::npos) {
    fail_user("{}: {} is no rule; the form is OLD -> NEW", where, quoted(line));
  }
  const std::string_view from = trim(line.substr(0, arrow));
  const std::string_view to = trim(line.substr(arrow + kArrow.size()));
  if (from.empty()) fail_user("{}: {} has no name before the arrow", where, quoted(line));
  RenameTable::Rule rule{.from = split(from, '*'),
                         .to = to.empty() ? std::vector<std::string>() : split(to, '*'),
                         .text = fmt::format("{}: {} -> {}", where, from, to)};
  if (!to.empty() && rule.from.size() != rule.to.size()) {
    fail_user("{}: {} has {} * before the arrow and {} behind it; there must be as many", where,
              quoted(line), rule.from.size() - 1, rule.to.size() - 1);
  }
  return rule;
}

// The place of the first rule that fits, and its stars.
std::optional<std::pair<size_t, std::vector<std::string_view>>> find_rule(
    const std::vector<RenameTable::Rule>& rules, std::string_view name) {
  for (size_t i = 0; i < rules.size(); ++i) {
    if (auto stars = match(rules[i].from, name)) return std::make_pair(i, std::move(*stars));
  }
  return std::nullopt;
}

}  // namespace

std::string RenameTable::apply(const std::string& name) const {
  const auto found = find_rule(rules_, name);
  if (!found) return name;
  const auto& [index, stars] = *found;
  std::string out;
  for (size_t i = 0; i < rules_[index].to.size(); ++i) {
    out += rules_[index].to[i];
    if (i < stars.size()) out += stars[i];
  }
  return out;
}

std::vector<std::string> RenameTable::unused(const Weights& tensors) const {
  std::set<size_t> used;
  for (const auto& [name, tensor] : tensors) {
    if (const auto found = find_rule(rules_, name)) used.insert(found->first);
  }
  std::vector<std::string> out;
  for (size_t i = 0; i < rules_.size(); ++i) {
    if (!used.contains(i)) out.push_back(rules_[i].text);
  }
  return out;
}

RenameTable parse_rename_table(std::string_view text, const std::string& name) {
  std::vector<RenameTable::Rule> rules;
  size_t number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    const std::string_view rule = trim(line);
    if (rule.empty() || rule.front() == '#') continue;
    rules.push_back(parse_rule(rule, fmt::format("{}:{}", name, number)));
  }
  return RenameTable(std::move(rules));
}

RenameTable load_rename_table(const std::filesystem::path& path) {
  return parse_rename_table(read_file(path), path.string());
}

}  // namespace rung
