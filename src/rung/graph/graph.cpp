#include "rung/graph/graph.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

std::string inputs_text(const std::vector<TensorType>& types) {
  std::vector<std::string> parts;
  for (const auto& type : types) parts.push_back(to_string(type));
  return join(parts, ", ");
}

}  // namespace

NodeId Graph::add(std::string name, Op op, std::vector<Value> inputs, std::string skip) {
  if (name.empty()) fail_user("a node of op {} has no name", op_name(op));
  if (by_name_.contains(name)) fail_user("two nodes are named {}", quoted(name));
  std::vector<TensorType> in;
  in.reserve(inputs.size());
  for (const Value value : inputs) {
    const bool exists = value.node.index >= 0 &&
                        static_cast<size_t>(value.node.index) < nodes_.size() && value.port >= 0 &&
                        static_cast<size_t>(value.port) < node(value.node).types.size();
    if (!exists) {
      fail_user("node {} ({}) reads output {} of node {}, which does not exist before it",
                quoted(name), op_name(op), value.port, value.node.index);
    }
    in.push_back(type(value));
  }
  std::vector<TensorType> types;
  try {
    types = infer(op, in);
  } catch (const Error& error) {
    throw error.with_context(fmt::format("node {}: {} of ({}) does not work", quoted(name),
                                         to_string(op), inputs_text(in)));
  }
  const NodeId id{static_cast<int32_t>(nodes_.size())};
  by_name_.emplace(name, id);
  if (std::holds_alternative<ops::Input>(op)) inputs_.push_back(id);
  nodes_.push_back(
      {std::move(name), std::move(op), std::move(inputs), std::move(types), std::move(skip)});
  return id;
}

void Graph::add_output(std::string name, Value value) {
  for (const auto& output : outputs_) {
    if (output.name == name) fail_user("two outputs are named {}", quoted(name));
  }
  if (value.node.index < 0 || static_cast<size_t>(value.node.index) >= nodes_.size() ||
      value.port < 0 || static_cast<size_t>(value.port) >= node(value.node).types.size()) {
    fail_user("output {} names a value that does not exist", quoted(name));
  }
  outputs_.push_back({std::move(name), value});
}

std::optional<NodeId> Graph::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

std::vector<NodeId> Graph::params() const {
  std::vector<NodeId> ids;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (std::holds_alternative<ops::Param>(nodes_[i].op)) ids.push_back(id(i));
  }
  return ids;
}

Users::Users(const Graph& graph) : lists_(graph.size()) {
  for (size_t i = 0; i < graph.size(); ++i) {
    for (const Value value : graph.nodes()[i].inputs) {
      auto& list = lists_[static_cast<size_t>(value.node.index)];
      if (list.empty() || list.back() != graph.id(i)) list.push_back(graph.id(i));
    }
  }
}

std::vector<NodeId> Users::of(const Graph& graph, Value value) const {
  std::vector<NodeId> readers;
  for (const NodeId user : of(value.node)) {
    const auto& inputs = graph.node(user).inputs;
    if (std::find(inputs.begin(), inputs.end(), value) != inputs.end()) readers.push_back(user);
  }
  return readers;
}

bool is_leaf(const Op& op) {
  return std::holds_alternative<ops::Input>(op) || std::holds_alternative<ops::Param>(op) ||
         std::holds_alternative<ops::Constant>(op);
}

std::string_view model_of(std::string_view name) {
  const auto slash = name.find('/');
  return slash == std::string_view::npos ? std::string_view{} : name.substr(0, slash);
}

std::string_view parent_of(std::string_view name) {
  const auto end = name.find_last_of("./");
  return end == std::string_view::npos ? std::string_view{} : name.substr(0, end);
}

}  // namespace rung
