#include <set>

#include "rung/base/text.h"
#include "rung/io/onnx/draft.h"
#include "rung/io/onnx/names.h"

namespace rung::onnx_import {
namespace {

/// Names that were given, so that no two are alike: name, name_1, name_2, …
class UniqueNames {
 public:
  std::string operator()(const std::string& wanted) {
    std::string name = wanted;
    for (int n = 1; !taken_.insert(name).second; ++n) name = fmt::format("{}_{}", wanted, n);
    return name;
  }

 private:
  std::set<std::string> taken_;
};

}  // namespace

std::vector<bool> Draft::needed_for(const std::vector<std::pair<std::string, Ref>>& outputs) const {
  std::vector<bool> needed(nodes_.size(), false);
  for (const auto& [name, ref] : outputs) needed[refs_[static_cast<size_t>(ref)].first] = true;
  for (size_t i = nodes_.size(); i-- > 0;) {
    if (std::holds_alternative<ops::Input>(nodes_[i].op)) needed[i] = true;
    if (!needed[i]) continue;
    for (const Ref ref : nodes_[i].inputs) needed[refs_[static_cast<size_t>(ref)].first] = true;
  }
  return needed;
}

/// The names of calls of which something is needed. Others, which only worked out sizes, count for
/// nothing: exporters differ in them.
std::vector<std::string> Draft::call_names(const std::vector<bool>& needed) const {
  std::vector<bool> used(calls_.size(), false), flattens(calls_.size(), false);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const bool named = nodes_[i].weight.defined() && !nodes_[i].leaf.empty();
    if (!needed[i] || named) continue;
    used[nodes_[i].call] = true;
    flattens[nodes_[i].call] = std::holds_alternative<ops::Flatten>(nodes_[i].op);
  }
  std::vector<NodeOrigin> origins;
  for (size_t i = 0; i < calls_.size(); ++i) {
    if (!used[i]) continue;
    origins.push_back(calls_[i]);
    if (flattens[i] && calls_[i].op == "Reshape") origins.back().called = "flatten";
  }
  const auto names = layer_names(origins);
  std::vector<std::string> out(calls_.size());
  for (size_t i = 0, next = 0; i < calls_.size(); ++i) {
    if (!used[i]) continue;
    out[i] = names[next++];
    if (out[i].empty()) out[i] = calls_[i].op.empty() ? "input" : in_small_letters(calls_[i].op);
  }
  return out;
}

/// A name for every node that is needed; calls without one are named after their operator, and the
/// node that gives a call's result has the call's name.
std::vector<std::string> Draft::node_names(const std::vector<bool>& needed) const {
  const auto layers = call_names(needed);
  std::map<size_t, size_t> last;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (needed[i] && !is_leaf(nodes_[i].op)) last[nodes_[i].call] = i;
  }
  UniqueNames unique;
  std::vector<std::string> out(nodes_.size());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!needed[i]) continue;
    const Node& node = nodes_[i];
    const std::string& layer = layers[node.call];
    const auto result = last.find(node.call);
    if (!node.leaf.empty()) {
      out[i] = node.leaf;
    } else if (node.weight.defined()) {
      out[i] = layer + "." + node.suffix;
    } else if (result != last.end() && result->second == i) {
      out[i] = layer;
    } else {
      out[i] = layer + "." + in_small_letters(op_name(node.op));
    }
    out[i] = unique(out[i]);
  }
  return out;
}

Model Draft::build(const std::vector<std::pair<std::string, Ref>>& outputs) const {
  const auto needed = needed_for(outputs);
  const auto names = node_names(needed);
  Model model;
  std::vector<NodeId> ids(nodes_.size());
  const auto value = [&](Ref ref) {
    const auto [node, port] = refs_[static_cast<size_t>(ref)];
    return Value{ids[node], static_cast<int32_t>(port)};
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!needed[i]) continue;
    std::vector<Value> in;
    for (const Ref ref : nodes_[i].inputs) in.push_back(value(ref));
    ids[i] = model.graph.add(names[i], nodes_[i].op, std::move(in));
    if (nodes_[i].weight.defined()) model.weights.emplace(names[i], nodes_[i].weight);
  }
  UniqueNames unique;
  for (const auto& [name, ref] : outputs) {
    const std::string own = kept_name(name);
    model.graph.add_output(unique(own.empty() ? "output" : own), value(ref));
  }
  return model;
}

}  // namespace rung::onnx_import
