#include "rung/graph/rewrite.h"

#include <algorithm>
#include <functional>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

// Copies a graph node by node, remembering where each value went.
class Copier {
 public:
  explicit Copier(const Graph& from) : from_(from), map_(from.size()) {}

  bool has(Value value) const { return map_[static_cast<size_t>(value.node.index)].has_value(); }
  Value operator()(Value value) const {
    return {map_[static_cast<size_t>(value.node.index)].value(), value.port};
  }
  std::vector<Value> operator()(const std::vector<Value>& values) const {
    std::vector<Value> out;
    out.reserve(values.size());
    for (const Value value : values) out.push_back((*this)(value));
    return out;
  }
  void add(size_t index, std::string name, Op op, std::vector<Value> inputs) {
    add(index, std::move(name), std::move(op), std::move(inputs), from_.nodes()[index].skip);
  }
  void add(size_t index, std::string name, Op op, std::vector<Value> inputs, std::string skip) {
    map_[index] = to.add(std::move(name), std::move(op), std::move(inputs), std::move(skip));
  }
  void copy(size_t index) {
    const Node& node = from_.nodes()[index];
    add(index, node.name, node.op, (*this)(node.inputs));
  }
  // Notes of skips that are no longer whole are dropped. `resolve` says what stands in for a value.
  void copy_notes(const std::function<std::string(const std::string&)>& rename,
                  const std::function<Value(Value)>& resolve = std::identity()) {
    for (SkipNote note : from_.skips()) {
      for (Value* value : {&note.source, &note.adapted, &note.target}) *value = resolve(*value);
      if (!has(note.source) || !has(note.adapted) || !has(note.target) || !has(note.merged)) {
        continue;
      }
      for (Value* value : {&note.source, &note.adapted, &note.target, &note.merged}) {
        *value = (*this)(*value);
      }
      note.name = rename(note.name);
      note.from = rename(note.from);
      note.to = rename(note.to);
      to.add_skip_note(std::move(note));
    }
  }

  Graph to;

 private:
  const Graph& from_;
  std::vector<std::optional<NodeId>> map_;
};

std::string same(const std::string& name) { return name; }

}  // namespace

Graph retype(const Graph& graph, const std::map<std::string, TensorType, std::less<>>& inputs) {
  for (const auto& [name, type] : inputs) {
    const auto id = graph.find(name);
    if (id && graph.op_as<ops::Input>(*id) != nullptr) continue;
    std::vector<std::string> names;
    for (const NodeId input : graph.inputs()) names.push_back(quoted(graph.node(input).name));
    fail_user("there is no input {}; the inputs are {}", quoted(name), join(names, ", "));
  }
  Copier copier(graph);
  for (size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    const auto found = inputs.find(node.name);
    if (found != inputs.end()) {
      ops::Input input = std::get<ops::Input>(node.op);
      if (found->second.rank() == input.type.rank()) {
        ops::check_fixed_axes(input, node.name, found->second.shape);
      } else if (!input.fixed.empty()) {
        fail_user("input {} cannot become {}: {}", quoted(node.name), to_string(found->second),
                  input.why);
      }
      input.type = found->second;
      copier.add(i, node.name, std::move(input), {});
    } else {
      copier.copy(i);
    }
  }
  for (const auto& output : graph.outputs())
    copier.to.add_output(output.name, copier(output.value));
  copier.copy_notes(same);
  return std::move(copier.to);
}

const std::string& only_input(const std::vector<std::string>& inputs, const Shape& shape) {
  if (inputs.size() == 1) return inputs.front();
  std::vector<std::string> names;
  for (const auto& name : inputs) names.push_back(quoted(name));
  fail_user("the sizes {} are for which input? the network has {}", to_string(shape),
            names.empty() ? "none" : join(names, ", "));
}

Graph resize_inputs(const Graph& graph, const InputShapes& shapes) {
  std::vector<std::string> names;
  for (const NodeId id : graph.inputs()) names.push_back(graph.node(id).name);
  std::map<std::string, TensorType, std::less<>> types;
  for (const auto& [given, shape] : shapes) {
    const std::string& name = given.empty() ? only_input(names, shape) : given;
    const auto id = graph.find(name);
    TensorType type;
    if (id && graph.op_as<ops::Input>(*id) != nullptr) {
      type = graph.type({*id, 0});
      if (type.rank() != shape.size()) {
        fail_user("input {} is {}, and the sizes {} are given", quoted(name), to_string(type),
                  to_string(shape));
      }
      type.shape = shape;
    }
    types[name] = type;
  }
  return types.empty() ? graph : retype(graph, types);
}

namespace {

// What a reader gets in place of a value, if anything.
const NewInput* instead_of(std::span<const NewInput> inputs, Value value,
                           std::optional<NodeId> reader) {
  const auto found = std::find_if(inputs.begin(), inputs.end(), [&](const NewInput& input) {
    const auto& only = input.readers;
    return input.value == value &&
           (only.empty() || (reader && std::find(only.begin(), only.end(), *reader) != only.end()));
  });
  return found == inputs.end() ? nullptr : &*found;
}

}  // namespace

Graph extract(const Graph& graph, std::span<const Output> outputs,
              std::span<const NewInput> inputs) {
  std::vector<bool> needed(graph.size(), false);
  std::map<const NewInput*, Value> made;  // those that somebody reads, in their order
  const auto need = [&](Value value, std::optional<NodeId> reader) {
    if (const NewInput* input = instead_of(inputs, value, reader)) {
      made.try_emplace(input);
    } else {
      needed[static_cast<size_t>(value.node.index)] = true;
    }
  };
  for (const auto& output : outputs) need(output.value, std::nullopt);
  for (size_t i = graph.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const Value value : graph.nodes()[i].inputs) need(value, graph.id(i));
  }
  Copier copier(graph);
  for (auto& [input, value] : made) value = {copier.to.add(input->name, input->op, {}), 0};
  const auto copied = [&](Value value, std::optional<NodeId> reader) {
    const NewInput* input = instead_of(inputs, value, reader);
    return input == nullptr ? copier(value) : made.at(input);
  };
  for (size_t i = 0; i < graph.size(); ++i) {
    if (!needed[i]) continue;
    const Node& node = graph.nodes()[i];
    std::vector<Value> values;
    values.reserve(node.inputs.size());
    for (const Value value : node.inputs) values.push_back(copied(value, graph.id(i)));
    copier.add(i, node.name, node.op, std::move(values));
  }
  for (const auto& output : outputs) {
    copier.to.add_output(output.name, copied(output.value, std::nullopt));
  }
  copier.copy_notes(same);
  return std::move(copier.to);
}

Graph with_prefix(const Graph& graph, const std::string& prefix) {
  Copier copier(graph);
  for (size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    copier.add(i, prefix + node.name, node.op, copier(node.inputs),
               node.skip.empty() ? std::string() : prefix + node.skip);
  }
  for (const auto& output : graph.outputs()) {
    copier.to.add_output(prefix + output.name, copier(output.value));
  }
  copier.copy_notes([&](const std::string& name) { return prefix + name; });
  return std::move(copier.to);
}

Graph without_skips(const Graph& graph, std::span<const std::string> names) {
  // What stands in for a value: the target for a merged one, zeros for the source of a widened one.
  std::map<Value, Value> instead;
  std::map<std::string, Value> zeroed;
  for (const auto& name : names) {
    const auto& skips = graph.skips();
    const auto note = std::find_if(skips.begin(), skips.end(),
                                   [&](const SkipNote& skip) { return skip.name == name; });
    if (note == skips.end()) {
      std::vector<std::string> known;
      for (const auto& skip : skips) known.push_back(quoted(skip.name));
      fail_user("there is no skip {}; the skips are {}", quoted(name), join(known, ", "));
    }
    if (note->widened) {
      zeroed.emplace(note->name, note->adapted);
    } else {
      instead[note->merged] = note->target;
    }
  }
  const auto resolve = [&](Value value) {
    for (auto found = instead.find(value); found != instead.end(); found = instead.find(value)) {
      value = found->second;
    }
    return value;
  };
  // What only a switched-off skip computed may not even fit any more (a length that another skip
  // gave), so it is not copied.
  std::vector<bool> needed(graph.size(), false);
  const auto need = [&](Value value) {
    needed[static_cast<size_t>(resolve(value).node.index)] = true;
  };
  for (const auto& output : graph.outputs()) need(output.value);
  for (size_t i = graph.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const Value value : graph.nodes()[i].inputs) need(value);
  }
  Copier copier(graph);
  for (size_t i = 0; i < graph.size(); ++i) {
    if (!needed[i]) continue;
    const Node& node = graph.nodes()[i];
    std::vector<Value> inputs;
    for (const Value value : node.inputs) inputs.push_back(copier(resolve(value)));
    const auto zero = zeroed.find(node.skip);
    // The concat is the one node of the skip that reads the source, adapted, as its last input.
    if (zero != zeroed.end() && !node.inputs.empty() && node.inputs.back() == zero->second) {
      Value& source = inputs.back();
      source = {copier.to.add(node.name + ".off", ops::FullLike{}, {source}, node.skip), 0};
    }
    copier.add(i, node.name, node.op, std::move(inputs));
  }
  std::vector<Output> outputs;
  for (const auto& output : graph.outputs()) {
    outputs.push_back({output.name, copier(resolve(output.value))});
  }
  copier.copy_notes(same, resolve);
  return extract(copier.to, outputs);
}

}  // namespace rung
