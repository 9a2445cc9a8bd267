#include "rung/graph/taps.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

constexpr std::string_view kEntry = "@in";

// "lstm:1" -> {"lstm", 1}; no port where nothing but digits follows the last colon.
std::pair<std::string_view, std::optional<int>> split_port(std::string_view name) {
  const auto colon = name.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == name.size()) return {name, std::nullopt};
  const auto digits = name.substr(colon + 1);
  int port = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size() || port < 0) {
    return {name, std::nullopt};
  }
  return {name.substr(0, colon), port};
}

// Picks one of several values; the port is the user's, or must not be needed.
Value choose(const Graph& graph, std::string_view name, std::string_view base,
             std::optional<int> port, const std::vector<Value>& values, std::string_view verb) {
  if (port) {
    if (static_cast<size_t>(*port) < values.size()) return values[static_cast<size_t>(*port)];
    fail_user("tap {}: {} has {} value(s) that {} it, so the last port is {}", quoted(name),
              quoted(base), values.size(), verb, static_cast<int>(values.size()) - 1);
  }
  if (values.size() == 1) return values[0];
  if (values.empty()) fail_user("tap {}: no value {}s {}", quoted(name), verb, quoted(base));
  std::string list;
  for (size_t i = 0; i < values.size(); ++i) {
    const Node& node = graph.node(values[i].node);
    list += fmt::format("\n  {}:{}  {}  {}", base, i, node.name, to_string(graph.type(values[i])));
  }
  fail_user("tap {} is ambiguous: {} values {} it; name one of{}", quoted(name), values.size(),
            verb, list);
}

}  // namespace

bool can_stand_in_name(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f && c != '@' && c != ':';
}

TapIndex::TapIndex(const Graph& graph) : graph_(graph), users_(graph) {
  for (size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (std::holds_alternative<ops::Input>(node.op)) names_.push_back(node.name);
    if (is_leaf(node.op)) continue;
    for (size_t end = 0; end <= node.name.size(); ++end) {
      const bool boundary =
          end == node.name.size() || node.name[end] == '.' || node.name[end] == '/';
      if (!boundary || end == 0) continue;
      auto [entry, is_new] = layers_.try_emplace(node.name.substr(0, end));
      if (is_new) names_.push_back(entry->first);
      entry->second.push_back(graph.id(i));
    }
  }
}

std::vector<std::string> TapIndex::matching(std::string_view glob) const {
  std::vector<std::string> out;
  for (const auto& name : names_) {
    if (glob_match(glob, name)) out.push_back(name);
  }
  return out;
}

bool TapIndex::known(std::string_view base) const {
  return layers_.contains(base) || graph_.find(base).has_value();
}

Tap TapIndex::find(std::string_view name) const {
  if (known(name)) return find_exit(name, name, std::nullopt);
  const auto [base, port] = split_port(name);
  if (base.ends_with(kEntry)) {
    const auto layer = base.substr(0, base.size() - kEntry.size());
    if (!known(layer)) fail_unknown(name, layer);
    return find_entry(name, layer, port);
  }
  if (known(base)) return find_exit(name, base, port);
  for (const auto& output : graph_.outputs()) {
    if (output.name == name) return {std::string(name), output.value, {}};
  }
  fail_unknown(name, base);
}

Tap TapIndex::find_exit(std::string_view name, std::string_view base,
                        std::optional<int> port) const {
  const auto layer = layers_.find(base);
  const auto node = graph_.find(base);
  if (layer == layers_.end() && !std::holds_alternative<ops::Input>(graph_.node(*node).op)) {
    fail_user("tap {} is a weight or a constant; taps are the values that layers compute",
              quoted(name));
  }
  // One node: its outputs are its ports, the first unless told otherwise.
  if (layer == layers_.end() || (node && layer->second.size() == 1)) {
    std::vector<Value> values;
    for (size_t i = 0; i < graph_.node(*node).types.size(); ++i) {
      values.push_back({*node, static_cast<int32_t>(i)});
    }
    return {std::string(name), choose(graph_, name, base, port.value_or(0), values, "leave"), {}};
  }
  const auto& members = layer->second;
  const auto inside = [&](NodeId id) {
    return std::binary_search(members.begin(), members.end(), id);
  };
  std::set<Value> leaving, measured;
  for (const NodeId member : members) {
    for (const NodeId user : users_.of(member)) {
      if (inside(user)) continue;
      const Node& reader = graph_.node(user);
      for (size_t i = 0; i < reader.inputs.size(); ++i) {
        const Value value = reader.inputs[i];
        if (value.node != member) continue;
        (reads_only_sizes(reader.op, i) ? measured : leaving).insert(value);
      }
    }
  }
  for (const auto& output : graph_.outputs()) {
    if (inside(output.value.node)) leaving.insert(output.value);
  }
  // A value of which others want the sizes alone is no result of the layer, unless there is no
  // other.
  if (leaving.empty()) leaving = std::move(measured);
  const std::vector<Value> values(leaving.begin(), leaving.end());
  return {std::string(name), choose(graph_, name, base, port, values, "leave"), {}};
}

Tap TapIndex::find_entry(std::string_view name, std::string_view base,
                         std::optional<int> port) const {
  const auto layer = layers_.find(base);
  if (layer == layers_.end()) {
    fail_user("tap {}: nothing enters {}, it is an input, a weight or a constant", quoted(name),
              quoted(base));
  }
  const auto& members = layer->second;
  std::vector<Value> entering;
  for (const NodeId member : members) {
    for (const Value value : graph_.node(member).inputs) {
      const Op& op = graph_.node(value.node).op;
      const bool weight = is_leaf(op) && !std::holds_alternative<ops::Input>(op);
      const bool inside = std::binary_search(members.begin(), members.end(), value.node);
      const bool seen = std::find(entering.begin(), entering.end(), value) != entering.end();
      if (!weight && !inside && !seen) entering.push_back(value);
    }
  }
  Tap tap{std::string(name), choose(graph_, name, base, port, entering, "enter"), {}};
  for (const NodeId member : members) {
    const auto& inputs = graph_.node(member).inputs;
    if (std::find(inputs.begin(), inputs.end(), tap.value) != inputs.end()) {
      tap.readers.push_back(member);
    }
  }
  return tap;
}

void TapIndex::fail_unknown(std::string_view name, std::string_view base) const {
  std::vector<std::string> close;
  for (const auto& candidate : nearest(base, names_)) close.push_back(quoted(candidate));
  if (close.empty()) fail_user("unknown tap {}: the network has no layers", quoted(name));
  fail_user("unknown tap {}; the nearest names are {}", quoted(name), join(close, ", "));
}

namespace {

// Sizes of the first input's space and time axes divided by the tap's, axis by axis.
std::vector<double> stride_of(const Graph& graph, const TensorType& type) {
  const auto extents = [](const TensorType& t) {
    std::vector<int64_t> sizes;
    for (size_t i = 0; i < t.rank(); ++i) {
      if (t.roles[i] == Role::kSpace || t.roles[i] == Role::kTime) sizes.push_back(t.shape[i]);
    }
    return sizes;
  };
  const auto own = extents(type);
  for (const NodeId input : graph.inputs()) {
    const auto source = extents(graph.type({input, 0}));
    if (own.empty() || source.size() != own.size()) continue;
    std::vector<double> stride;
    for (size_t i = 0; i < own.size(); ++i) {
      stride.push_back(own[i] > 0 ? static_cast<double>(source[i]) / static_cast<double>(own[i])
                                  : 0);
    }
    return stride;
  }
  return {};
}

int64_t node_macs(const Graph& graph, const Node& node) {
  std::vector<TensorType> in;
  for (const Value value : node.inputs) in.push_back(graph.type(value));
  return macs(node.op, in, node.types);
}

}  // namespace

TapCard card(const Graph& graph, const Tap& tap) {
  const Node& node = graph.node(tap.value.node);
  TapCard card{.name = tap.name,
               .op = std::string(op_name(node.op)),
               .type = graph.type(tap.value),
               .stride = stride_of(graph, graph.type(tap.value))};
  std::vector<bool> needed(graph.size(), false);
  needed[static_cast<size_t>(tap.value.node.index)] = true;
  for (size_t i = graph.size(); i-- > 0;) {
    if (!needed[i]) continue;
    const Node& current = graph.nodes()[i];
    for (const Value value : current.inputs) needed[static_cast<size_t>(value.node.index)] = true;
    if (is_leaf(current.op)) continue;
    const int64_t cost = node_macs(graph, current);
    card.macs_so_far += cost;
    const bool own =
        current.name == tap.name ||
        (current.name.starts_with(tap.name) && current.name.size() > tap.name.size() &&
         (current.name[tap.name.size()] == '.' || current.name[tap.name.size()] == '/'));
    if (!own) continue;
    if (current.name != node.name) card.op = "layer";
    card.macs += cost;
    for (const Value value : current.inputs) {
      const auto* param = graph.op_as<ops::Param>(value.node);
      if (param != nullptr && !param->buffer) card.weights += element_count(param->shape);
    }
  }
  return card;
}

}  // namespace rung
