#include "rung/io/graph_json.h"

#include "rung/base/text.h"
#include "rung/io/json.h"

namespace rung {
namespace {

std::string value_text(const Graph& graph, Value value) {
  const std::string& name = graph.node(value.node).name;
  if (value.port == 0 && name.find(':') == std::string::npos) return name;
  return fmt::format("{}:{}", name, value.port);
}

Value parse_value(const Graph& graph, const nlohmann::json& json, const std::string& what) {
  if (!json.is_string()) fail_user("{} must be a string, not {}", what, json.type_name());
  const auto& text = json.get_ref<const std::string&>();
  const auto colon = text.rfind(':');
  const auto id = graph.find(std::string_view(text).substr(0, colon));
  if (!id) fail_user("{} is {}, but no node before it has that name", what, quoted(text));
  if (colon == std::string::npos) return {*id, 0};
  const std::string port = text.substr(colon + 1);
  const bool digits =
      !port.empty() && port.size() < 6 && port.find_first_not_of("0123456789") == std::string::npos;
  const size_t count = graph.node(*id).types.size();
  if (!digits || static_cast<size_t>(std::stoi(port)) >= count) {
    fail_user("{} is {}, but that node has {} output{}", what, quoted(text), count,
              count == 1 ? "" : "s");
  }
  return {*id, std::stoi(port)};
}

nlohmann::json node_json(const Graph& graph, const Node& node) {
  nlohmann::json json = {{"name", node.name}, {"op", to_json(node.op)}};
  if (!node.inputs.empty()) {
    auto& inputs = json["inputs"] = nlohmann::json::array();
    for (const Value value : node.inputs) inputs.push_back(value_text(graph, value));
  }
  if (!node.skip.empty()) json["skip"] = node.skip;
  return json;
}

void read_node(const nlohmann::json& json, const std::string& what, Graph& graph) {
  const std::string& name = json_string(json, "name", what);
  const std::string node = fmt::format("node {}", quoted(name));
  std::vector<Value> inputs;
  if (json.contains("inputs")) {
    if (!json["inputs"].is_array()) fail_user("\"inputs\" of {} must be a list", node);
    for (const auto& input : json["inputs"]) {
      inputs.push_back(
          parse_value(graph, input, fmt::format("input {} of {}", inputs.size(), node)));
    }
  }
  const auto& op = json_member(json, "op", node);
  std::optional<Op> parsed;
  try {
    parsed = op_from_json(op);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", node, error.what()));
  }
  graph.add(name, std::move(*parsed), std::move(inputs), json_string_or_empty(json, "skip", node));
}

void read_output(const nlohmann::json& json, const std::string& what, Graph& graph) {
  const std::string& name = json_string(json, "name", what);
  graph.add_output(name, parse_value(graph, json_member(json, "value", what),
                                     fmt::format("output {}", quoted(name))));
}

nlohmann::json skip_json(const Graph& graph, const SkipNote& note) {
  return {{"name", note.name},
          {"from", note.from},
          {"to", note.to},
          {"merge", note.merge},
          {"text", note.text},
          {"source", value_text(graph, note.source)},
          {"adapted", value_text(graph, note.adapted)},
          {"target", value_text(graph, note.target)},
          {"merged", value_text(graph, note.merged)},
          {"widened", note.widened}};
}

void read_skip(const nlohmann::json& json, const std::string& what, Graph& graph) {
  const auto text = [&](const char* key) { return json_string(json, key, what); };
  const auto value = [&](const char* key) {
    return parse_value(graph, json_member(json, key, what), fmt::format("{} of {}", key, what));
  };
  const auto& widened = json_member(json, "widened", what);
  if (!widened.is_boolean()) fail_user("widened of {} must be true or false", what);
  graph.add_skip_note({.name = text("name"),
                       .from = text("from"),
                       .to = text("to"),
                       .merge = text("merge"),
                       .text = text("text"),
                       .source = value("source"),
                       .adapted = value("adapted"),
                       .target = value("target"),
                       .merged = value("merged"),
                       .widened = widened.get<bool>()});
}

using Reader = void (*)(const nlohmann::json&, const std::string&, Graph&);

void read_list(const nlohmann::json& json, const char* key, const char* item, std::string_view what,
               Reader read, Graph& graph) {
  if (!json_member(json, key, what).is_array()) fail_user("\"{}\" of {} must be a list", key, what);
  size_t index = 0;
  for (const auto& entry : json[key]) {
    read(entry, fmt::format("{} {} of {}", item, index++, what), graph);
  }
}

}  // namespace

nlohmann::json to_json(const Graph& graph) {
  nlohmann::json json = {{"nodes", nlohmann::json::array()},
                         {"outputs", nlohmann::json::array()},
                         {"skips", nlohmann::json::array()}};
  for (const Node& node : graph.nodes()) json["nodes"].push_back(node_json(graph, node));
  for (const Output& output : graph.outputs()) {
    json["outputs"].push_back({{"name", output.name}, {"value", value_text(graph, output.value)}});
  }
  for (const SkipNote& note : graph.skips()) json["skips"].push_back(skip_json(graph, note));
  return json;
}

std::optional<Error> read_graph_json(const nlohmann::json& json, std::string_view what,
                                     Graph& graph) {
  try {
    read_list(json, "nodes", "node", what, read_node, graph);
    read_list(json, "outputs", "output", what, read_output, graph);
    read_list(json, "skips", "skip", what, read_skip, graph);
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace rung
