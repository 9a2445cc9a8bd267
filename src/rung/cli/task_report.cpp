#include "rung/cli/task_report.h"

#include <fmt/format.h>

#include "rung/base/table.h"

namespace rung::cli {
namespace {

std::string class_table(const nlohmann::json& details) {
  if (!details.contains("classes") || details.at("classes").size() < 2) return {};
  TextTable table({{"class"},
                   {"iou", Column::kRight},
                   {"dice", Column::kRight},
                   {"precision", Column::kRight},
                   {"recall", Column::kRight}});
  for (const auto& entry : details.at("classes")) {
    std::vector<std::string> row = {entry.at("name").get<std::string>()};
    for (const char* figure : {"iou", "dice", "precision", "recall"}) {
      row.push_back(fmt::format("{:.4f}", entry.at(figure).get<double>()));
    }
    table.add(std::move(row));
  }
  return "\n" + table.text();
}

std::string target_table(const nlohmann::json& details) {
  if (!details.contains("targets") || details.at("targets").size() < 2) return {};
  TextTable table(
      {{"target"}, {"mae", Column::kRight}, {"rmse", Column::kRight}, {"r2", Column::kRight}});
  for (const auto& entry : details.at("targets")) {
    std::vector<std::string> row = {entry.at("name").get<std::string>()};
    for (const char* figure : {"mae", "rmse", "r2"}) {
      row.push_back(fmt::format("{:.4g}", entry.at(figure).get<double>()));
    }
    table.add(std::move(row));
  }
  return "\n" + table.text();
}

std::string confusion_table(const nlohmann::json& details) {
  constexpr size_t kMost = 20;
  if (!details.contains("confusion") || details.at("confusion").size() > kMost) return {};
  std::vector<TextTable::Heading> headings = {{"is \\ taken for"}};
  for (const auto& entry : details.at("classes")) {
    headings.push_back({entry.at("name").get<std::string>(), Column::kRight});
  }
  TextTable table(headings);
  for (size_t c = 0; c < details.at("confusion").size(); ++c) {
    std::vector<std::string> row = {details.at("classes")[c].at("name").get<std::string>()};
    for (const auto& count : details.at("confusion")[c]) {
      row.push_back(std::to_string(count.get<int64_t>()));
    }
    table.add(std::move(row));
  }
  return "\n" + table.text();
}

/// The table of one output, or of each under its name.
std::string of_each(const nlohmann::json& details, std::string (*table)(const nlohmann::json&)) {
  const bool one = !details.is_object() || details.contains("classes") ||
                   (details.contains("targets") && details.at("targets").is_array());
  if (one) return table(details);
  std::string out;
  for (const auto& [name, entry] : details.items()) {
    const std::string text = table(entry);
    if (!text.empty()) out += "\n" + name + ":" + text;
  }
  return out;
}

}  // namespace

std::string class_tables(const nlohmann::json& details) { return of_each(details, class_table); }

std::string confusion_tables(const nlohmann::json& details) {
  return of_each(details, confusion_table);
}

std::string target_tables(const nlohmann::json& details) { return of_each(details, target_table); }

}  // namespace rung::cli
