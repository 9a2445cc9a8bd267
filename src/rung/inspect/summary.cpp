#include "rung/inspect/summary.h"

#include <fmt/ranges.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/table.h"
#include "rung/base/text.h"
#include "rung/graph/taps.h"

namespace rung {

std::string value_name(const Graph& graph, Value value) {
  const Node& node = graph.node(value.node);
  return node.types.size() == 1 ? node.name : fmt::format("{}:{}", node.name, value.port);
}

namespace {

// A file may declare sizes whose sum no machine number holds; a report must not break on it.
void add_to(int64_t& total, int64_t value) {
  if (__builtin_add_overflow(total, value, &total)) total = std::numeric_limits<int64_t>::max();
}

std::string type_text(const TensorType& type) {
  return fmt::format("{} {}", to_string(type), roles_text(type));
}

SummaryRow row_of(const Graph& graph, const Node& node) {
  SummaryRow row{
      .name = node.name, .op = to_string(node.op), .types = node.types, .skip = node.skip};
  if (std::holds_alternative<ops::Input>(node.op)) row.op = std::string(op_name(node.op));
  std::vector<TensorType> in;
  for (const Value value : node.inputs) {
    in.push_back(graph.type(value));
    if (const auto* param = graph.op_as<ops::Param>(value.node)) {
      add_to(row.weights, element_count(param->shape));
    } else if (graph.op_as<ops::Constant>(value.node) == nullptr) {
      row.connected_to.push_back(value_name(graph, value));
    }
  }
  row.macs = macs(node.op, in, node.types);
  return row;
}

}  // namespace

Summary summarize(const Graph& graph, const std::string& model_name) {
  Summary summary{.model = model_name, .skips = graph.skips()};
  for (const Node& node : graph.nodes()) {
    if (const auto* param = std::get_if<ops::Param>(&node.op)) {
      const int64_t elements = element_count(param->shape);
      add_to(summary.weights, elements);
      if (param->buffer) add_to(summary.buffers, elements);
      add_to(summary.weight_bytes, node.types.at(0).bytes());
    } else if (!std::holds_alternative<ops::Constant>(node.op)) {
      summary.rows.push_back(row_of(graph, node));
      add_to(summary.macs, summary.rows.back().macs);
    }
  }
  for (const NodeId id : graph.inputs()) {
    summary.inputs.push_back(graph.node(id).name + " " + type_text(graph.type({id, 0})));
  }
  for (const Output& output : graph.outputs()) {
    summary.outputs.push_back(fmt::format("{} = {} {}", output.name,
                                          value_name(graph, output.value),
                                          type_text(graph.type(output.value))));
  }
  return summary;
}

namespace {

std::string count_text(int64_t count) { return count == 0 ? "" : with_thousands(count); }
std::string macs_text(int64_t macs) {
  return macs == 0 ? "" : with_unit(static_cast<double>(macs));
}

std::string types_text(const std::vector<TensorType>& types,
                       std::string (*text)(const TensorType&)) {
  std::vector<std::string> parts;
  for (const auto& type : types) parts.push_back(text(type));
  return join(parts, ", ");
}

std::string list_text(const char* title, const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += fmt::format("{:8}  {}\n", title, line);
  return out;
}

}  // namespace

std::string to_text(const Summary& summary) {
  TextTable table({{"layer"},
                   {"op"},
                   {"shape"},
                   {"roles"},
                   {"weights", Column::kRight},
                   {"MACs", Column::kRight},
                   {"connected to"}});
  for (const SummaryRow& row : summary.rows) {
    table.add({row.name, row.op, types_text(row.types, to_string),
               types_text(row.types, roles_text), count_text(row.weights), macs_text(row.macs),
               join(row.connected_to, ", ")});
  }
  std::string out = summary.model.empty() ? "" : summary.model + "\n";
  out += table.text() + "\n";
  out += list_text("input", summary.inputs) + list_text("output", summary.outputs);
  out += fmt::format("{:8}  {} layers, {} weights ({}, {} of them buffers), {} MACs a run\n",
                     "total", summary.rows.size(), with_thousands(summary.weights),
                     bytes_text(summary.weight_bytes), with_thousands(summary.buffers),
                     with_unit(static_cast<double>(summary.macs)));
  for (const SkipNote& skip : summary.skips) {
    out += fmt::format("\n{}: {} -> {} by {}\n{}", skip.name, skip.from, skip.to, skip.merge,
                       skip.text);
    if (!out.ends_with('\n')) out += '\n';
  }
  return out;
}

std::string to_json(const Summary& summary) {
  using nlohmann::json;
  json rows = json::array();
  for (const SummaryRow& row : summary.rows) {
    json types = json::array();
    for (const auto& type : row.types) {
      json roles = json::array();
      for (const Role role : type.roles) roles.push_back(name(role));
      types.push_back({{"dtype", name(type.dtype)}, {"shape", type.shape}, {"roles", roles}});
    }
    rows.push_back({{"name", row.name},
                    {"op", row.op},
                    {"types", types},
                    {"weights", row.weights},
                    {"macs", row.macs},
                    {"connected_to", row.connected_to},
                    {"skip", row.skip}});
  }
  json skips = json::array();
  for (const SkipNote& skip : summary.skips) {
    skips.push_back({{"name", skip.name},
                     {"from", skip.from},
                     {"to", skip.to},
                     {"merge", skip.merge},
                     {"text", skip.text}});
  }
  return json{{"model", summary.model},
              {"layers", rows},
              {"inputs", summary.inputs},
              {"outputs", summary.outputs},
              {"skips", skips},
              {"weights", summary.weights},
              {"buffers", summary.buffers},
              {"weight_bytes", summary.weight_bytes},
              {"macs", summary.macs}}
             .dump(2) +
         "\n";
}

namespace {

// The cards behind one name: one, or as many as it has values (an LSTM's three outputs).
std::vector<TapCard> cards_of(const Graph& graph, const TapIndex& index, const std::string& name) {
  try {
    return {card(graph, index.find(name))};
  } catch (const Error&) {
    std::vector<TapCard> cards;
    for (int port = 0;; ++port) {
      try {
        cards.push_back(card(graph, index.find(fmt::format("{}:{}", name, port))));
      } catch (const Error&) {
        return cards;
      }
    }
  }
}

std::string stride_text(const std::vector<double>& stride) {
  return stride.empty() ? "" : fmt::format("{:.3g}", fmt::join(stride, "x"));
}

}  // namespace

std::string taps_text(const Graph& graph, const std::string& glob) {
  const TapIndex index(graph);
  const auto names = index.matching(glob);
  if (names.empty()) {
    fail_user("no tap matches {}; the nearest names are {}", quoted(glob),
              fmt::join(nearest(glob, index.names()), ", "));
  }
  TextTable table({{"tap"},
                   {"op"},
                   {"shape"},
                   {"roles"},
                   {"stride", Column::kRight},
                   {"weights", Column::kRight},
                   {"MACs", Column::kRight},
                   {"so far", Column::kRight}});
  for (const auto& name : names) {
    for (const TapCard& card : cards_of(graph, index, name)) {
      table.add({card.name, card.op, to_string(card.type), roles_text(card.type),
                 stride_text(card.stride), count_text(card.weights), macs_text(card.macs),
                 macs_text(card.macs_so_far)});
    }
  }
  return table.text();
}

}  // namespace rung
