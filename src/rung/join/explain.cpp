#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "rung/base/text.h"
#include "rung/join/plan.h"

namespace rung {
namespace {

using Row = std::vector<std::string>;

// Characters, not bytes, so that columns stay straight.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string table(const std::vector<Row>& rows, const std::string& indent) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line = indent;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

nlohmann::json type_json(const TensorType& type) {
  std::vector<std::string> roles;
  for (const Role role : type.roles) roles.emplace_back(name(role));
  return {{"dtype", name(type.dtype)}, {"shape", type.shape}, {"roles", roles}};
}

nlohmann::json skip_json(const SkipPlan& plan) {
  nlohmann::json insertions = nlohmann::json::array();
  for (const Insertion& i : plan.insertions) {
    insertions.push_back({{"name", i.name},
                          {"op", i.op},
                          {"why", i.why},
                          {"type", type_json(i.type)},
                          {"weights", i.weights},
                          {"macs", i.macs}});
  }
  return {{"name", plan.name},
          {"from", plan.from},
          {"to", plan.to},
          {"merge", plan.merge},
          {"source", type_json(plan.source)},
          {"target", type_json(plan.target)},
          {"result", type_json(plan.result)},
          {"insertions", insertions},
          {"weights", plan.weights},
          {"macs", plan.macs},
          {"bytes_held", plan.bytes_held}};
}

/// The inputs and outputs of a network, in their order, and the outputs that went.
std::string ends_text(const Graph& graph, const std::vector<std::string>& left_out) {
  std::vector<Row> rows;
  const auto add = [&](const char* kind, const std::string& name, const TensorType& type) {
    rows.push_back({kind, name, to_string(type), roles_text(type)});
  };
  for (const NodeId id : graph.inputs()) add("input", graph.node(id).name, graph.type({id, 0}));
  for (const auto& output : graph.outputs()) add("output", output.name, graph.type(output.value));
  const std::string out = table(rows, "");
  if (left_out.empty()) return out;
  return out + fmt::format("left out: {}, of networks that are wired on; `outputs` keeps them\n",
                           join(left_out, ", "));
}

std::vector<std::string> output_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& output : graph.outputs()) names.push_back(output.name);
  return names;
}

}  // namespace

std::string explain_steps(const SkipPlan& plan) {
  std::string out = table({{"source", to_string(plan.source), roles_text(plan.source)},
                           {"target", to_string(plan.target), roles_text(plan.target)},
                           {"result", to_string(plan.result), roles_text(plan.result)}},
                          "  ");
  if (plan.insertions.empty()) return out + "  nothing has to be inserted\n";
  std::vector<Row> rows{{"inserted", "op", "gives", "weights", "MACs", "why"}};
  for (const Insertion& i : plan.insertions) {
    rows.push_back({i.name, i.op, to_string(i.type),
                    i.weights > 0 ? with_thousands(i.weights) : "-",
                    i.macs > 0 ? with_unit(static_cast<double>(i.macs)) : "-", i.why});
  }
  return out + table(rows, "  ");
}

std::string JoinPlan::explain() const {
  std::string out;
  int64_t weights = 0, macs = 0, held = 0;
  for (const auto* list : {&wires_, &skips_}) {
    for (const SkipPlan& plan : *list) {
      if (!out.empty()) out += "\n";
      out += fmt::format("{}: {} -> {} by {}\n", plan.name, plan.from, plan.to, plan.merge);
      out += explain_steps(plan);
      weights += plan.weights;
      macs += plan.macs;
      held += plan.bytes_held;
    }
  }
  if (!out.empty()) out += "\n";
  out += fmt::format("{} wire(s), {} skip(s): {} new weights, {} MACs, {} held until the merges\n",
                     wires_.size(), skips_.size(), with_thousands(weights),
                     with_unit(static_cast<double>(macs)), bytes_text(held));
  return out + ends_text(result_.graph, left_out_);
}

nlohmann::json JoinPlan::to_json() const {
  nlohmann::json wires = nlohmann::json::array(), skips = nlohmann::json::array();
  for (const SkipPlan& plan : wires_) wires.push_back(skip_json(plan));
  for (const SkipPlan& plan : skips_) skips.push_back(skip_json(plan));
  std::vector<std::string> inputs;
  for (const NodeId id : result_.graph.inputs()) inputs.push_back(result_.graph.node(id).name);
  return {{"wires", wires},
          {"skips", skips},
          {"inputs", inputs},
          {"outputs", output_names(result_.graph)},
          {"left_out", left_out_}};
}

}  // namespace rung
