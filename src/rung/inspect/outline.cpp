#include "rung/inspect/outline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <tuple>

#include "rung/base/text.h"

namespace rung {
namespace {

constexpr int kDeepest = 12;
constexpr size_t kMaxNamedOps = 4;

// The layers of a name, model first: "encoder/layer1.0.conv1" -> encoder, encoder/layer1, ….
std::vector<std::string_view> scopes_of(std::string_view name) {
  const auto model = model_of(name);
  std::vector<std::string_view> scopes = {model};
  for (size_t at = model.empty() ? 0 : model.size() + 1; at <= name.size(); ++at) {
    if (at == name.size() || name[at] == '.') scopes.push_back(name.substr(0, at));
  }
  return scopes;
}

// A tap as written, without "@in" and ":1".
std::string_view tap_layer(std::string_view tap) {
  tap = tap.substr(0, tap.find('@'));
  const auto colon = tap.rfind(':');
  return tap.substr(0, colon);
}

// Which box each node belongs to, by key, at one depth.
class Grouping {
 public:
  Grouping(const Graph& graph, int depth) : depth_(depth) {
    for (size_t i = 0; i < graph.skips().size(); ++i) {
      skip_index_.emplace(graph.skips()[i].name, static_cast<int>(i));
      for (const std::string_view tap :
           {std::string_view(graph.skips()[i].from), std::string_view(graph.skips()[i].to)}) {
        const auto scopes = scopes_of(tap_layer(tap));
        opened_.insert(scopes.begin(), scopes.end() - 1);
      }
    }
  }

  int skip_of(const Node& node) const {
    const auto found = skip_index_.find(node.skip);
    return node.skip.empty() || found == skip_index_.end() ? -1 : found->second;
  }

  // The layer that stands for a node of a network.
  std::string_view layer_of(const Node& node) const {
    const auto scopes = scopes_of(node.name);
    size_t level = std::min(scopes.size() - 1, static_cast<size_t>(depth_));
    while (level + 1 < scopes.size() && opened_.count(scopes[level]) > 0) ++level;
    return scopes[level];
  }

 private:
  int depth_;
  std::map<std::string_view, int> skip_index_;
  std::set<std::string_view> opened_;
};

// What is gathered of a box while the nodes go by.
struct Draft {
  Box box;
  std::vector<std::string_view> ops;  // each name once, in order
  size_t nodes = 0;
  int64_t weights = 0;
};

class Drafter {
 public:
  Drafter(const Graph& graph, const Grouping& grouping)
      : graph_(graph), grouping_(grouping), box_of_(graph.size()) {}

  Outline run() {
    find_lanes();
    std::set<NodeId> counted;
    for (size_t i = 0; i < graph_.size(); ++i) {
      const NodeId id = graph_.id(i);
      if (!shown(id)) continue;
      const Node& node = graph_.node(id);
      const size_t box = box_of_[i] = box_for(id);
      note_op(drafts_[box], node);
      for (const Value input : node.inputs) {
        if (shown(input.node)) {
          connect(input, box);
        } else if (graph_.op_as<ops::Param>(input.node) != nullptr &&
                   counted.insert(input.node).second) {
          drafts_[box].weights += graph_.type(input).elements();
        }
      }
    }
    add_outputs();
    return finish();
  }

 private:
  using ArrowKey = std::tuple<size_t, size_t, Arrow::Kind>;

  // Weights and constants are numbers in a box, not boxes.
  bool shown(NodeId id) const {
    return !is_leaf(graph_.node(id).op) || graph_.op_as<ops::Input>(id) != nullptr;
  }

  void find_lanes() {
    for (const auto& node : graph_.nodes()) {
      if (is_leaf(node.op) || !node.skip.empty()) continue;
      const std::string lane(model_of(node.name));
      if (lane_index_.emplace(lane, static_cast<int>(lanes_.size())).second) lanes_.push_back(lane);
    }
  }

  int lane_of(std::string_view name) const {
    const auto found = lane_index_.find(model_of(name));
    return found == lane_index_.end() ? -1 : found->second;
  }

  // A skip lies in the lane of the network that reads it.
  int lane_of_skip(const SkipNote& note) const {
    const int lane = lane_of(note.to);
    return lane >= 0 || lanes_.empty() ? lane : lane_of(graph_.node(note.target.node).name);
  }

  size_t box_for(NodeId id) {
    const Node& node = graph_.node(id);
    const int skip = grouping_.skip_of(node);
    const bool input = graph_.op_as<ops::Input>(id) != nullptr;
    const std::string_view layer = input || skip >= 0 ? node.name : grouping_.layer_of(node);
    const std::string key = skip >= 0 ? "skip " + node.skip : "layer " + std::string(layer);
    const auto [found, fresh] = by_key_.emplace(key, drafts_.size());
    if (fresh) {
      Box box{.name = std::string(layer.substr(std::min(prefix_size(layer), layer.size()))),
              .lane = lane_of(node.name)};
      if (input) box.kind = Box::Kind::kInput;
      if (skip >= 0) {
        box.kind = Box::Kind::kSkip;
        box.name = node.skip;
        box.skip = skip;
        box.lane = lane_of_skip(graph_.skips()[static_cast<size_t>(skip)]);
      }
      drafts_.push_back({.box = std::move(box), .ops = {}});
    }
    return found->second;
  }

  static size_t prefix_size(std::string_view name) {
    const auto model = model_of(name);
    return model.empty() ? 0 : model.size() + 1;
  }

  void note_op(Draft& draft, const Node& node) {
    const auto op = op_name(node.op);
    if (std::find(draft.ops.begin(), draft.ops.end(), op) == draft.ops.end()) {
      draft.ops.push_back(op);
    }
    ++draft.nodes;
    draft.box.shape = to_string(node.types.front());
  }

  void connect(Value input, size_t to) {
    const size_t from = box_of_[static_cast<size_t>(input.node.index)];
    if (from == to) return;
    const int skip = drafts_[to].box.skip;
    auto kind = Arrow::Kind::kFlow;
    if (skip >= 0 && !(graph_.skips()[static_cast<size_t>(skip)].target == input)) {
      kind = Arrow::Kind::kSkip;
    } else if (drafts_[from].box.lane >= 0 && drafts_[from].box.lane != drafts_[to].box.lane) {
      kind = Arrow::Kind::kWire;
    }
    arrows_.emplace(ArrowKey{from, to, kind},
                    Arrow{from, to, kind, kind == Arrow::Kind::kSkip ? skip : -1, 1});
  }

  void add_outputs() {
    for (const auto& output : graph_.outputs()) {
      if (!shown(output.value.node)) continue;
      const size_t from = box_of_[static_cast<size_t>(output.value.node.index)];
      const bool own_prefix = lane_of(output.name) == drafts_[from].box.lane;
      Box box{.kind = Box::Kind::kOutput,
              .name = own_prefix ? output.name.substr(prefix_size(output.name)) : output.name,
              .shape = to_string(graph_.type(output.value)),
              .lane = drafts_[from].box.lane};
      arrows_.emplace(ArrowKey{from, drafts_.size(), Arrow::Kind::kFlow},
                      Arrow{from, drafts_.size()});
      drafts_.push_back({.box = std::move(box), .ops = {}});
    }
  }

  Outline finish() {
    Outline out{.lanes = std::move(lanes_), .boxes = {}, .arrows = {}};
    for (auto& draft : drafts_) {
      draft.box.detail = detail(draft);
      out.boxes.push_back(std::move(draft.box));
    }
    for (const auto& [key, arrow] : arrows_) out.arrows.push_back(arrow);
    return out;
  }

  std::string detail(const Draft& draft) const {
    const Box& box = draft.box;
    if (box.kind == Box::Kind::kOutput || box.kind == Box::Kind::kInput) return {};
    std::vector<std::string> parts;
    std::vector<std::string> ops(draft.ops.begin(), draft.ops.end());
    if (box.kind == Box::Kind::kSkip) {
      // "concat" says it; the Concat among the ops says it again.
      const std::string& merge = graph_.skips()[static_cast<size_t>(box.skip)].merge;
      parts.push_back(merge);
      std::erase_if(ops, [&](const std::string& op) { return same_word(op, merge); });
    }
    if (draft.ops.size() > kMaxNamedOps) ops = {fmt::format("{} ops", draft.nodes)};
    if (!ops.empty()) parts.push_back(join(ops, ", "));
    if (draft.weights > 0) {
      parts.push_back(fmt::format("{} weight{}", with_unit(static_cast<double>(draft.weights)),
                                  draft.weights == 1 ? "" : "s"));
    }
    return join(parts, " · ");
  }

  static bool same_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return std::tolower(x) == std::tolower(y); });
  }

  const Graph& graph_;
  const Grouping& grouping_;
  std::vector<std::string> lanes_;
  std::map<std::string, int, std::less<>> lane_index_;
  std::map<std::string, size_t> by_key_;
  std::vector<size_t> box_of_;
  std::vector<Draft> drafts_;
  std::map<ArrowKey, Arrow> arrows_;
};

// Boxes that follow each other in a lane become one, so that about `room` are left in all.
Outline gather(const Outline& fine, size_t room) {
  std::map<int, std::vector<size_t>> by_lane;
  for (size_t i = 0; i < fine.boxes.size(); ++i) by_lane[fine.boxes[i].lane].push_back(i);
  const size_t per_box = (fine.boxes.size() + room - 1) / room;

  // Each gathered box stands where its first member stood, so the order of the graph is kept.
  std::map<size_t, std::vector<size_t>> groups;
  for (const auto& [lane, members] : by_lane) {
    for (size_t i = 0; i < members.size(); ++i)
      groups[members[i - i % per_box]].push_back(members[i]);
  }
  Outline out{.lanes = fine.lanes, .boxes = {}, .arrows = {}};
  std::vector<size_t> place(fine.boxes.size());
  for (const auto& [first, members] : groups) {
    for (const size_t member : members) place[member] = out.boxes.size();
    const Box& last = fine.boxes[members.back()];
    if (members.size() == 1) {
      out.boxes.push_back(last);
      continue;
    }
    out.boxes.push_back(
        {.kind = Box::Kind::kRange,
         .name = fine.boxes[first].name + " … " + last.name,
         .detail = fmt::format("{} layers", with_thousands(static_cast<int64_t>(members.size()))),
         .shape = last.shape,
         .lane = last.lane});
  }
  std::map<std::tuple<size_t, size_t, Arrow::Kind>, Arrow> arrows;
  for (Arrow arrow : fine.arrows) {
    arrow.from = place[arrow.from];
    arrow.to = place[arrow.to];
    if (arrow.from == arrow.to) continue;
    const auto [found, fresh] = arrows.emplace(std::tuple{arrow.from, arrow.to, arrow.kind}, arrow);
    if (!fresh) found->second.count += arrow.count;
  }
  for (const auto& [key, arrow] : arrows) out.arrows.push_back(arrow);
  return out;
}

Outline at_depth(const Graph& graph, int depth) {
  const Grouping grouping(graph, depth);
  return Drafter(graph, grouping).run();
}

}  // namespace

Outline outline(const Graph& graph, const OutlineOptions& options) {
  const size_t room = std::max<size_t>(options.max_boxes, 4);
  if (options.depth > 0) {
    Outline out = at_depth(graph, options.depth);
    return out.boxes.size() > 8 * room ? gather(out, 8 * room) : out;
  }
  Outline best = at_depth(graph, 1);
  for (int depth = 2; depth <= kDeepest && best.boxes.size() <= room; ++depth) {
    Outline finer = at_depth(graph, depth);
    if (finer.boxes.size() > room || finer.boxes.size() == best.boxes.size()) break;
    best = std::move(finer);
  }
  return best.boxes.size() > room ? gather(best, room) : best;
}

}  // namespace rung
