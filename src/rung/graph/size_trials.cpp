#include "rung/graph/size_trials.h"

#include <algorithm>
#include <map>
#include <set>

namespace rung {

std::vector<int64_t> sizes_to_try(int64_t size) {
  std::vector<int64_t> out;
  for (const int64_t other : {size + 1, size + 31, size + 32, 2 * size, size / 2, size + 65,
                              2 * size + 33, size + 129, size + 257}) {
    if (other < 2 || other == size) continue;
    if (std::find(out.begin(), out.end(), other) == out.end()) out.push_back(other);
  }
  return out;
}

std::vector<int64_t> batches_to_try(int64_t size) {
  std::vector<int64_t> out{size + 1, size + 3};
  for (const int64_t other : sizes_to_try(size)) {
    if (std::find(out.begin(), out.end(), other) == out.end()) out.push_back(other);
  }
  return out;
}

Resized at_sizes(const Graph& graph, const AxisSizes& sizes) {
  Resized out;
  try {
    for (const Node& node : graph.nodes()) {
      Op op = node.op;
      if (auto* input = std::get_if<ops::Input>(&op)) {
        for (const auto& [axis, size] : sizes) {
          if (axis.input == node.name) input->type.shape.at(axis.axis) = size;
        }
        ops::check_fixed_axes(std::get<ops::Input>(node.op), node.name, input->type.shape);
      }
      out.graph.add(node.name, std::move(op), node.inputs);  // all nodes, so each keeps its place
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kBug) throw;
    out.refused = error;
  }
  return out;
}

Resized at_size(const Graph& graph, const InputAxes& axes, int64_t size) {
  AxisSizes sizes;
  for (const InputAxis& axis : axes) sizes[axis] = size;
  return at_sizes(graph, sizes);
}

SizeTrials::SizeTrials(const Graph& graph, const Extents& extents, const InputAxes& axes) {
  std::map<Extent, bool> met;
  const auto follows = [&](Value value, size_t axis) {
    const auto inputs = extents.inputs_of(value, axis);
    return std::any_of(inputs.begin(), inputs.end(), [&](const InputAxis& input) {
      return std::find(axes.begin(), axes.end(), input) != axes.end();
    });
  };
  for (size_t i = 0; i < graph.size(); ++i) {
    const auto& types = graph.nodes()[i].types;
    for (size_t port = 0; port < types.size(); ++port) {
      const Value value{graph.id(i), static_cast<int32_t>(port)};
      for (size_t axis = 0; axis < types[port].rank(); ++axis) {
        if (!met.try_emplace(extents.of(value, axis)).second || !follows(value, axis)) continue;
        followed_.push_back({value, axis, {types[port].shape[axis]}});
      }
    }
  }
}

bool SizeTrials::Followed::varies() const {
  return std::any_of(seen.begin(), seen.end(), [&](int64_t size) { return size != seen[0]; });
}

std::optional<int64_t> SizeTrials::Followed::in(const Graph& other) const {
  if (static_cast<size_t>(value.node.index) >= other.size()) return std::nullopt;
  return other.type(value).shape.at(axis);
}

void SizeTrials::add(const Graph& other) {
  for (Followed& one : followed_) {
    const auto size = one.in(other);
    one.seen.push_back(size ? *size : one.seen[0]);
  }
}

bool SizeTrials::told_all() const {
  std::set<std::vector<int64_t>> different;
  for (const Followed& one : followed_) {
    if (!one.varies() || !different.insert(one.seen).second) return false;
  }
  return true;
}

bool SizeTrials::tells(const Graph& other) const {
  if (first_change(other)) return true;
  std::map<std::vector<int64_t>, int64_t> alike;
  for (const Followed& one : followed_) {
    const auto size = one.in(other);
    if (size && alike.try_emplace(one.seen, *size).first->second != *size) return true;
  }
  return false;
}

std::optional<NodeId> SizeTrials::first_change(const Graph& other) const {
  for (const Followed& one : followed_) {
    const auto size = one.in(other);
    if (size && *size != one.seen[0] && !one.varies()) return one.value.node;
  }
  return std::nullopt;
}

TriedSizes try_sizes(const Graph& graph, const Extents& extents, const InputAxes& axes) {
  constexpr size_t kAtLeast = 2;
  const int64_t size = graph.type({graph.find(axes.at(0).input).value(), 0}).shape.at(axes[0].axis);
  SizeTrials trials(graph, extents, axes);
  std::vector<Graph> refusals;
  TriedSizes out;
  for (const int64_t other : sizes_to_try(size)) {
    if (out.graphs.size() >= kAtLeast && trials.told_all()) break;
    Resized tried = at_size(graph, axes, other);
    if (tried.refused) {
      refusals.push_back(std::move(tried.graph));
    } else if (out.graphs.size() < kAtLeast || trials.tells(tried.graph)) {
      trials.add(tried.graph);
      out.graphs.push_back(std::move(tried.graph));
    }
  }
  for (const Graph& refusal : refusals) {
    if (!trials.first_change(refusal)) continue;
    const Node& node = graph.nodes()[refusal.size()];
    out.held = fmt::format("{} ({})", node.name, op_name(node.op));
    break;
  }
  if (out.graphs.empty() && out.held.empty()) out.held = "no other size fits";
  return out;
}

}  // namespace rung
