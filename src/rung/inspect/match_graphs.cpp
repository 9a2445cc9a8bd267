#include "rung/inspect/match_graphs.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>

namespace rung {
namespace {

using Keys = std::vector<size_t>;  // by node; equal where the structure is

bool is_weight(const Op& op) { return is_leaf(op) && !std::holds_alternative<ops::Input>(op); }

// What a node is, whatever it is called and at whatever size.
std::string kind_of(const Op& op) {
  if (const auto* input = std::get_if<ops::Input>(&op)) {
    return fmt::format("input {} {}", name(input->type.dtype), input->type.rank());
  }
  if (const auto* param = std::get_if<ops::Param>(&op)) {
    return fmt::format("weight {} {}", name(param->dtype), to_string(param->shape));
  }
  return to_string(op);
}

// A node's own kind, and the keys of all that it is computed from.
Keys keys_from_inputs(const Graph& graph) {
  Keys keys;
  keys.reserve(graph.size());
  for (const Node& node : graph.nodes()) {
    std::string text = kind_of(node.op);
    for (const Value value : node.inputs) {
      text += fmt::format("|{}:{}", keys[static_cast<size_t>(value.node.index)], value.port);
    }
    keys.push_back(std::hash<std::string>{}(text));
  }
  return keys;
}

// A node's own kind, and the keys of all that reads it.
Keys keys_from_outputs(const Graph& graph) {
  std::vector<std::vector<std::string>> readers(graph.size());
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    const Value value = graph.outputs()[i].value;
    readers[static_cast<size_t>(value.node.index)].push_back(
        fmt::format("output {} of {}", i, value.port));
  }
  Keys keys(graph.size());
  for (size_t i = graph.size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    std::sort(readers[i].begin(), readers[i].end());
    keys[i] = std::hash<std::string>{}(
        fmt::format("{}|{}", kind_of(node.op), fmt::join(readers[i], "|")));
    for (size_t place = 0; place < node.inputs.size(); ++place) {
      const Value value = node.inputs[place];
      readers[static_cast<size_t>(value.node.index)].push_back(
          fmt::format("{}:{}:{}", keys[i], place, value.port));
    }
  }
  return keys;
}

class Matcher {
 public:
  Matcher(const Graph& a, const Graph& b) : a_(a), b_(b) {
    match_.to_b.resize(a.size());
    match_.to_a.resize(b.size());
  }

  GraphMatch run() {
    by_name();
    by_keys(keys_from_inputs(a_), keys_from_inputs(b_));
    by_keys(keys_from_outputs(a_), keys_from_outputs(b_));
    by_reader();
    return std::move(match_);
  }

 private:
  bool free(NodeId a, NodeId b) const {
    return !match_.to_b[static_cast<size_t>(a.index)] && !match_.to_a[static_cast<size_t>(b.index)];
  }
  void pair(NodeId a, NodeId b) {
    match_.to_b[static_cast<size_t>(a.index)] = b;
    match_.to_a[static_cast<size_t>(b.index)] = a;
  }

  void by_name() {
    for (size_t i = 0; i < a_.size(); ++i) {
      const Node& node = a_.nodes()[i];
      const auto other = b_.find(node.name);
      if (other && is_weight(node.op) == is_weight(b_.node(*other).op)) pair(a_.id(i), *other);
    }
  }

  // Those of equal keys, in their order.
  void by_keys(const Keys& a, const Keys& b) {
    std::map<size_t, std::vector<NodeId>> waiting;
    for (size_t i = b_.size(); i-- > 0;) {
      if (!match_.to_a[i] && !is_weight(b_.nodes()[i].op)) waiting[b[i]].push_back(b_.id(i));
    }
    for (size_t i = 0; i < a_.size(); ++i) {
      if (match_.to_b[i] || is_weight(a_.nodes()[i].op)) continue;
      const auto found = waiting.find(a[i]);
      if (found == waiting.end() || found->second.empty()) continue;
      pair(a_.id(i), found->second.back());
      found->second.pop_back();
    }
  }

  void by_reader() {
    for (size_t i = 0; i < a_.size(); ++i) {
      if (!match_.to_b[i]) continue;
      const auto& a = a_.nodes()[i].inputs;
      const auto& b = b_.node(*match_.to_b[i]).inputs;
      for (size_t place = 0; place < std::min(a.size(), b.size()); ++place) {
        const NodeId left = a[place].node, right = b[place].node;
        const Op &op = a_.node(left).op, &other = b_.node(right).op;
        if (is_weight(op) && op.index() == other.index() && free(left, right)) pair(left, right);
      }
    }
  }

  const Graph& a_;
  const Graph& b_;
  GraphMatch match_;
};

}  // namespace

GraphMatch match_graphs(const Graph& a, const Graph& b) { return Matcher(a, b).run(); }

}  // namespace rung
