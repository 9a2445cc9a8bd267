#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace rung::cli {

// What Score::details says, as tables; empty where there is but one class or target. Of several
// outputs, one under the name of each.

/// A row per class: IoU, Dice (F1), precision, recall.
std::string class_tables(const nlohmann::json& details);
/// A row per class: how often it was taken for each. Empty beyond 20 classes.
std::string confusion_tables(const nlohmann::json& details);
/// A row per target of a regression: its errors, in its unit.
std::string target_tables(const nlohmann::json& details);

}  // namespace rung::cli
