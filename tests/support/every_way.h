#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "rung/base/temp_folder.h"
#include "rung/exec/onednn/program.h"

namespace rung::testing {

/// Programs in which every step of several ways takes the first, the second, … of them, through a
/// cache that says so.
inline void with_every_way(const Model& model, CompileOptions options,
                           const std::function<void(const Program&)>& check) {
  const TempFolder folder;
  options.cache = folder.path() / "plans.json";
  options.budget_s = 0.01;
  const CompileReport measured = compile(model, options).report();
  size_t most = 1;
  for (const auto& step : measured.steps) most = std::max(most, step.considered.size());
  const auto all = std::filesystem::exists(options.cache)
                       ? nlohmann::json::parse(std::ifstream(options.cache))
                       : nlohmann::json();
  for (size_t way = 0; way < most; ++way) {
    auto plans = all;
    for (auto& [machine, keys] : plans.items()) {
      for (auto& [key, chosen] : keys.items()) {
        for (const auto& step : measured.steps) {
          if (step.considered.empty() || chosen.get_ref<const std::string&>() != step.way) {
            continue;
          }
          const std::string& text = step.considered[way % step.considered.size()];
          if (key.starts_with(step.what))
            chosen = text.substr(0, text.rfind(' ', text.rfind(' ') - 1));
        }
      }
    }
    if (!plans.is_null()) std::ofstream(options.cache) << plans.dump();
    check(compile(model, options));
  }
}

}  // namespace rung::testing
