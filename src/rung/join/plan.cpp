#include "rung/join/plan.h"

#include <algorithm>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"
#include "rung/join/adapt.h"
#include "rung/join/compose.h"
#include "rung/join/connect.h"
#include "rung/join/hold.h"
#include "rung/join/order.h"
#include "rung/join/pointwise.h"
#include "rung/join/widen.h"

namespace rung {
namespace {

// Names of nodes are paths; what taps are written with cannot stand in them.
void check_name(const Skip& skip, const char* key, const std::string& name) {
  const bool fits = std::all_of(name.begin(), name.end(), can_stand_in_name);
  const bool part_missing = !name.empty() && (name.front() == '.' || name.front() == '/' ||
                                              name.back() == '.' || name.back() == '/');
  if (fits && !part_missing) return;
  fail_user(
      "cannot join {} -> {} by {}: {} = {}\n"
      "  rule    names hold no '@', ':', space or control character, and neither begin nor end "
      "with '.' or '/'",
      skip.from, skip.to, skip.merge.rule().name, key, quoted(name));
}

// Gives every skip a name: the user's, or the next free "skipN".
std::vector<Skip> named_skips(const Graph& graph, std::vector<Skip> skips) {
  std::set<std::string> taken;
  for (const Node& node : graph.nodes()) taken.insert(split(node.name, '.').front());
  for (const auto& note : graph.skips()) taken.insert(note.name);
  for (const Skip& skip : skips) {
    check_name(skip, "name", skip.name);
    check_name(skip, "projection_name", skip.projection_name);
    check_name(skip, "reduction_name", skip.reduction_name);
    if (!skip.name.empty() && !taken.insert(skip.name).second) {
      fail_user("the skip {} -> {} is named {}, and that name is taken", skip.from, skip.to,
                quoted(skip.name));
    }
  }
  size_t number = 0;
  for (Skip& skip : skips) {
    while (skip.name.empty()) {
      const std::string name = fmt::format("skip{}", ++number);
      if (taken.insert(name).second) skip.name = name;
    }
  }
  return skips;
}

/// Walks the tasks in order and writes the joined graph.
class Planner {
 public:
  Planner(const Graph& old, JoinSpec spec)
      : old_(old), spec_(std::move(spec)), users_(old), sites_(find_sites(old, spec_)) {
    made_.resize(old.size());
    merged_.resize(sites_.sites.size());
    plans_.resize(spec_.skips.size());
  }

  void run() {
    find_widened();
    for (const Task& task : order_tasks(old_, spec_, sites_)) {
      if (task.is_site) {
        merge_site(task.index);
      } else {
        copy_node(old_.id(task.index));
      }
    }
    for (const SkipNote& note : old_.skips()) copy_note(note);
    for (SkipNote& note : notes_) builder_.add_skip_note(std::move(note));
  }

  /// What everybody reads where the old graph had `value`.
  Value seen(Value value) const {
    const auto site = sites_.at_value.find(value);
    return site == sites_.at_value.end() ? raw(value) : merged_[site->second];
  }
  std::vector<SkipPlan> take_plans() { return std::move(plans_); }
  std::vector<SkipPlan> take_wire_plans() { return std::move(wire_plans_); }
  Graph take_graph() {
    const Extents extents = held_.empty() ? Extents() : builder_.extents();
    Graph graph = std::move(builder_).finish().graph;
    return held_.empty() ? graph : hold_axes(std::move(graph), extents, held_);
  }

 private:
  // As the node makes it, before any merge. An input that a wire feeds is a value elsewhere.
  Value raw(Value value) const {
    const Value made = made_[static_cast<size_t>(value.node.index)].value();
    return {made.node, made.port + value.port};
  }
  Value seen_by(NodeId reader, Value value) const {
    const auto site = sites_.site_for(reader, value);
    return site ? merged_[*site] : raw(value);
  }

  void find_widened() {
    for (const Site& site : sites_.sites) {
      for (const size_t index : site.skips) {
        const Skip& skip = spec_.skips[index];
        if (skip.width != Width::kWiden) continue;
        if (skip.out > 0) {
          fail_user(
              "cannot join {} -> {}: out is the width of concat's reduction, and width = "
              "\"widen\" has none",
              skip.from, skip.to);
        }
        if (skip.merge.rule().needs != Needs::kSameExtent) {
          fail_user("cannot join {} -> {} by {}: width = \"widen\" goes with concat", skip.from,
                    skip.to, skip.merge.rule().name);
        }
        const Widening found = find_widening(old_, users_, site.target, site.readers);
        if (!found.obstacle.empty()) {
          fail_user(
              "cannot join {} -> {} by concat with width = \"widen\"\n"
              "  target  {}  {}\n"
              "  rule    every reader of the target must be a convolution or linear layer; {}\n"
              "  fix     width = \"reduce\"",
              skip.from, skip.to, skip.to, to_string(old_.type(site.target)), found.obstacle);
        }
        for (const NodeId layer : found.layers) widened_[layer].push_back(index);
      }
    }
  }

  void copy_node(NodeId id) {
    const Node& node = old_.node(id);
    auto& made = made_[static_cast<size_t>(id.index)];
    if (const auto wire = sites_.wired.find(id); wire != sites_.wired.end()) {
      made = wire_input(id, wire->second);
      return;
    }
    std::vector<Value> inputs;
    inputs.reserve(node.inputs.size());
    for (const Value value : node.inputs) inputs.push_back(seen_by(id, value));
    if (widened_.contains(id)) inputs[1] = grown_weight(node, inputs);
    builder_.tag_skip(node.skip);
    try {
      made = builder_.add(node.name, node.op, inputs);
    } catch (const Error& error) {
      throw Error(error.kind(), changed_input(node, inputs) + cause_of(id) + error.what());
    }
    builder_.tag_skip({});
  }

  // A node that fails does so because a skip or a wire, here or further up, changed the shape of
  // what it reads.
  std::string changed_input(const Node& node, const std::vector<Value>& inputs) const {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const TensorType &before = old_.type(node.inputs[i]), &now = builder_.type(inputs[i]);
      if (before.shape == now.shape) continue;
      return fmt::format("{} cannot read what the join makes of {}: {} instead of {}\n  ",
                         node.name, old_.node(node.inputs[i].node).name, to_string(now),
                         to_string(before));
    }
    return {};
  }

  // Which skip or wire that was, with both ends and what to do.
  std::string cause_of(NodeId refusing) const {
    std::vector<NodeId> open{refusing};
    std::set<NodeId> met{refusing};
    while (!open.empty()) {
      const NodeId at = open.back();
      open.pop_back();
      const auto wire = sites_.wire_of.find(at);
      if (wire != sites_.wire_of.end()) return wire_text(spec_.wires[wire->second], at);
      for (const Value value : old_.node(at).inputs) {
        const auto skip = reshaping_skip(at, value);
        if (skip) return skip_text(plans_[*skip], spec_.skips[*skip]);
        const bool same = builder_.type(seen_by(at, value)).shape == old_.type(value).shape;
        if (!same && met.insert(value.node).second) open.push_back(value.node);
      }
    }
    return {};
  }

  // The skip that gave `value` another shape for `reader`, of those that arrive right there.
  std::optional<size_t> reshaping_skip(NodeId reader, Value value) const {
    const auto everybody = sites_.at_value.find(value);
    std::vector<size_t> found;
    if (const auto own = sites_.site_for(reader, value)) found.push_back(*own);
    if (everybody != sites_.at_value.end()) found.push_back(everybody->second);
    for (const size_t site : found) {
      for (const size_t skip : sites_.sites[site].skips) {
        if (plans_[skip].result.shape != plans_[skip].target.shape) return skip;
      }
    }
    return std::nullopt;
  }

  static std::string skip_text(const SkipPlan& plan, const Skip& skip) {
    const bool width = channels(plan.result) != channels(plan.target);
    return fmt::format(
        "join    {} -> {} by {}\n"
        "  target  {}\n"
        "  result  {}\n"
        "  rule    whatever reads the target must accept the result\n"
        "  fix     {}\n  ",
        plan.from, plan.to, plan.merge, to_string(plan.target), to_string(plan.result),
        !width         ? "a merge that keeps the target's length, such as add"
        : skip.out > 0 ? "out = 0, which gives the target's width"
                       : "project = \"source\", which keeps the target's width");
  }

  std::string wire_text(const Wire& wire, NodeId input) const {
    return fmt::format(
        "wire    {} -> {}\n"
        "  brings  {}, planned at {}\n"
        "  rule    the network behind the wire must accept the sizes that arrive\n"
        "  fix     wire from another layer\n  ",
        wire.from, wire.to, to_string(builder_.type(raw({input, 0}))),
        to_string(old_.type({input, 0})));
  }

  // The old weight with zeros for the new channels behind it: the old one keeps its name and
  // values.
  Value grown_weight(const Node& node, const std::vector<Value>& inputs) {
    const TensorType weight = builder_.type(inputs[1]);
    const auto axis = static_cast<size_t>(input_axis(node.op));
    Shape shape = weight.shape;
    const TensorType& x = builder_.type(inputs[0]);
    const int64_t width =
        std::holds_alternative<ops::Linear>(node.op) ? x.shape.back() : x.shape[1];
    shape[axis] = width - shape[axis];
    if (shape[axis] <= 0) return inputs[1];
    ops::Param param{.dtype = weight.dtype, .shape = shape};
    const auto& skips = widened_.at(*old_.find(node.name));
    if (std::any_of(skips.begin(), skips.end(), [&](size_t skip) {
          return spec_.skips[skip].start == Start::kRandom;
        })) {  // as PyTorch draws the whole layer: U(-1/√fan_in, 1/√fan_in)
      const int64_t fan_in =
          element_count(weight.shape) / weight.shape[0] / weight.shape[1] * width;
      param.init = ops::InitKind::kUniform;
      param.value = 1 / std::sqrt(static_cast<double>(fan_in));
    }
    const int64_t count = element_count(shape);
    SkipPlan& plan = plans_[skips.front()];
    plan.weights += count;
    plan.insertions.push_back(
        {.name = node.name + ".weight_widened",
         .op = "Param",
         .why = fmt::format("{} takes {} channels more", node.name, shape[axis]),
         .type = TensorType(weight.dtype, shape),
         .weights = count,
         .macs = 0});
    const Value extra = builder_.param(node.name + ".weight_widened", param);
    return builder_.concat(node.name + ".weight_grown", {inputs[1], extra},
                           static_cast<int64_t>(axis));
  }

  Value wire_input(NodeId input, Value source) {
    const Wire& wire = spec_.wires[sites_.wire_of.at(input)];
    Skip skip{.from = wire.from, .to = wire.to, .name = std::string(model_of(wire.to)) + "_input"};
    const TensorType& declared = old_.type({input, 0});
    SkipPlan plan{.name = skip.name, .from = wire.from, .to = wire.to, .merge = "wire"};
    plan.source = builder_.type(seen(source));
    plan.target = declared;
    SkipWriter writer(builder_, skip, plan);
    const Value value = adapt_wire(writer, seen(source), declared, image());
    plan.result = builder_.type(value);
    const auto& taken = std::get<ops::Input>(old_.node(input).op);
    if (!taken.fixed.empty() && plan.result.rank() != declared.rank()) {
      fail_user("cannot wire {} -> {}\n  brings  {}\n  takes   {}\n  rule    {}", wire.from,
                wire.to, to_string(plan.result), to_string(declared), taken.why);
    }
    for (const int64_t axis : taken.fixed) {
      held_.push_back({value, static_cast<size_t>(axis), taken.why});
    }
    if (plan.result.rank() == declared.rank()) {
      try {
        ops::check_fixed_axes(taken, wire.to, plan.result.shape);
      } catch (const Error& error) {
        throw error.with_context(fmt::format("cannot wire {} -> {}", wire.from, wire.to));
      }
    }
    wire_plans_.push_back(std::move(plan));
    return value;
  }

  // The first picture that enters: tokens that become a map take its aspect.
  std::optional<Value> image() const {
    for (const NodeId id : builder_.graph().inputs()) {
      const TensorType& type = builder_.type({id, 0});
      if (type.rank() == 4 && (type.is_map() || is_channels_last(type))) return Value{id, 0};
    }
    return std::nullopt;
  }

  void merge_site(size_t index) {
    const Site& site = sites_.sites[index];
    Value value = site.readers.empty() ? raw(site.target) : seen(site.target);
    for (const size_t skip : site.skips) {
      const Value source = sites_.sources[skip];
      const bool own = source == site.target && site.readers.empty();
      value = merge_skip(skip, own ? raw(source) : seen(source), value);
    }
    merged_[index] = value;
  }

  Value merge_skip(size_t index, Value source, Value target) {
    Connection connection = write_skip(builder_, spec_.skips[index], source, target);
    plans_[index] = std::move(connection.plan);
    notes_.push_back(std::move(connection.note));
    return connection.merged;
  }

  void copy_note(SkipNote note) {
    for (Value* value : {&note.source, &note.adapted, &note.target, &note.merged}) {
      *value = raw(*value);
    }
    builder_.add_skip_note(std::move(note));
  }

  const Graph& old_;
  JoinSpec spec_;
  Users users_;
  Sites sites_;
  Builder builder_;
  std::vector<std::optional<Value>> made_;
  std::vector<Value> merged_;
  std::map<NodeId, std::vector<size_t>> widened_;  ///< layers that grow, and by which skips
  std::vector<SkipPlan> plans_;
  std::vector<SkipNote> notes_;
  std::vector<SkipPlan> wire_plans_;
  std::vector<HeldAxis> held_;  ///< what wires bring where an input held its size
};

// The outputs that stay: those that were asked for, or all but those of the networks `backbones`,
// whose names go to `left_out`.
std::vector<Output> choose_outputs(const Graph& old, const JoinSpec& spec, const Planner& planner,
                                   const std::set<std::string>& backbones,
                                   std::vector<std::string>& left_out) {
  left_out.clear();
  std::vector<Output> outputs;
  std::vector<std::string> names;
  for (const Output& output : old.outputs()) names.push_back(output.name);
  for (const auto& name : spec.outputs) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      std::vector<std::string> known;
      for (const auto& n : names) known.push_back(quoted(n));
      fail_user("there is no output {} to keep; the outputs are {}", quoted(name),
                join(known, ", "));
    }
    const auto& output = old.outputs()[static_cast<size_t>(found - names.begin())];
    outputs.push_back({name, planner.seen(output.value)});
  }
  if (spec.outputs.empty()) {
    for (const Output& output : old.outputs()) {
      if (backbones.contains(std::string(model_of(output.name)))) {
        left_out.push_back(output.name);
      } else {
        outputs.push_back({output.name, planner.seen(output.value)});
      }
    }
  }
  const TapIndex taps(old);
  for (const auto& name : spec.extra_outputs) {
    outputs.push_back({name, planner.seen(taps.find(name).value)});
  }
  if (outputs.empty()) fail_user("nothing is left to compute: every output is wired on");
  return outputs;
}

// The network of a tap, which may be the network itself: "enc/layer1", "enc", "enc@in".
std::string network_of(const std::string& tap) { return tap.substr(0, tap.find_first_of("/@")); }

// The networks that skips end in which are not in `part`.
std::set<std::string> models_of_lost(const Graph& whole, const Graph& part) {
  std::set<std::string> here, models;
  for (const SkipNote& note : part.skips()) here.insert(note.name);
  for (const SkipNote& note : whole.skips()) {
    if (!here.contains(note.name)) models.insert(network_of(note.to));
  }
  return models;
}

// The networks that a wire leads out of. One whose input is shared computes nothing for the other.
std::set<std::string> find_backbones(const Graph& old, const JoinSpec& spec) {
  const TapIndex taps(old);
  std::set<std::string> backbones;
  for (const Wire& wire : spec.wires) {
    if (old.op_as<ops::Input>(taps.find(wire.from).value.node) != nullptr) continue;
    backbones.insert(network_of(wire.from));
  }
  return backbones;
}

// What the outputs need. Backbones lose their outputs, but for those in which a skip would be lost
// with them.
Graph joined_graph(const Graph& old, const JoinSpec& spec, Planner& planner,
                   std::vector<std::string>& left_out) {
  std::set<std::string> backbones = find_backbones(old, spec);
  const auto choose = [&] { return choose_outputs(old, spec, planner, backbones, left_out); };
  auto outputs = choose();
  const Graph whole = planner.take_graph();
  Graph part = extract(whole, outputs);
  if (!left_out.empty()) {
    for (const auto& model : models_of_lost(whole, part)) backbones.erase(model);
    outputs = choose();
    part = extract(whole, outputs);
  }
  return part;
}

}  // namespace

JoinPlan plan(const JoinSpec& spec) {
  Model all = compose(spec.models);
  // Without the networks, which may be large: from here on there is only the one of all.
  JoinSpec named{.models = {}, .wires = spec.wires, .skips = named_skips(all.graph, spec.skips)};
  Planner planner(all.graph, std::move(named));
  planner.run();
  JoinPlan out;
  out.result_.graph = joined_graph(all.graph, spec, planner, out.left_out_);
  out.skips_ = planner.take_plans();
  out.wires_ = planner.take_wire_plans();
  // What the first output means is said by the network that it comes from.
  const std::string first = network_of(out.result_.graph.outputs()[0].name);
  for (const Model& model : spec.models) {
    if (spec.models.size() == 1 || model.name == first) out.result_.about = model.about;
  }
  for (const NodeId id : out.result_.graph.params()) {
    const std::string& name = out.result_.graph.node(id).name;
    if (const auto found = all.weights.find(name); found != all.weights.end()) {
      out.result_.weights.emplace(*found);
    }
  }
  return out;
}

}  // namespace rung
