#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "rung/base/table.h"
#include "rung/inspect/diff.h"

namespace rung {
namespace {

const char* text(NodeDifference::Kind kind) {
  switch (kind) {
    case NodeDifference::Kind::kRemoved:
      return "removed";
    case NodeDifference::Kind::kAdded:
      return "added";
    case NodeDifference::Kind::kChanged:
      return "changed";
  }
  return "";
}

std::string number_text(const std::optional<double>& number) {
  return number ? fmt::format("{:.3g}", *number) : "-";
}

std::string graph_text(const ModelDiff& diff) {
  if (diff.graph.empty()) return "";
  TextTable table({{"graph"}, {"node"}, {""}, {"first"}, {"second"}});
  for (const auto& d : diff.graph) table.add({text(d.kind), d.name, d.what, d.a, d.b});
  return table.text() + "\n";
}

std::string weights_text(const ModelDiff& diff) {
  if (diff.weights.empty()) return "";
  TextTable table({{"weight"},
                   {"first"},
                   {"second"},
                   {"largest difference", Column::kRight},
                   {"relative", Column::kRight}});
  for (const auto& d : diff.weights) {
    const auto& second = d.a == d.b ? std::string("same type") : d.b;
    table.add({d.name, d.a, second, number_text(d.absolute), number_text(d.relative)});
  }
  return table.text() + "\n";
}

std::string renamed_text(const ModelDiff& diff) {
  if (diff.renamed.empty()) return "";
  std::string out = fmt::format("other names: {}\n", diff.renamed.size());
  constexpr size_t kShown = 5;
  for (size_t i = 0; i < std::min(kShown, diff.renamed.size()); ++i) {
    out += fmt::format("  {} -> {}\n", diff.renamed[i].first, diff.renamed[i].second);
  }
  if (diff.renamed.size() > kShown) out += "  …\n";
  return out + "\n";
}

// JSON has no infinite numbers.
nlohmann::json number_json(const std::optional<double>& number) {
  if (!number) return nullptr;
  if (!std::isfinite(*number)) return "infinite";
  return *number;
}

}  // namespace

std::string to_text(const ModelDiff& diff) {
  std::string out = graph_text(diff) + weights_text(diff) + renamed_text(diff);
  if (diff.retyped > 0) {
    out += fmt::format("{} of the same nodes have other sizes or roles, which follows\n",
                       diff.retyped);
  }
  return out + fmt::format("{}: {} nodes and {} weights are the same ({} bit for bit), {} differ\n",
                           diff.same() ? "same" : "different", diff.same_nodes, diff.same_weights,
                           diff.identical_weights, diff.graph.size() + diff.weights.size());
}

std::string to_json(const ModelDiff& diff) {
  nlohmann::json graph = nlohmann::json::array(), weights = nlohmann::json::array();
  for (const auto& d : diff.graph) {
    graph.push_back({{"kind", text(d.kind)},
                     {"name", d.name},
                     {"what", d.what},
                     {"first", d.a},
                     {"second", d.b}});
  }
  for (const auto& d : diff.weights) {
    weights.push_back({{"name", d.name},
                       {"first", d.a},
                       {"second", d.b},
                       {"difference", number_json(d.absolute)},
                       {"relative", number_json(d.relative)}});
  }
  nlohmann::json renamed = nlohmann::json::array();
  for (const auto& [a, b] : diff.renamed) renamed.push_back({a, b});
  const nlohmann::json out = {{"same", diff.same()},
                              {"graph", graph},
                              {"weights", weights},
                              {"renamed", renamed},
                              {"same_nodes", diff.same_nodes},
                              {"same_weights", diff.same_weights},
                              {"identical_weights", diff.identical_weights},
                              {"retyped", diff.retyped}};
  return out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace rung
