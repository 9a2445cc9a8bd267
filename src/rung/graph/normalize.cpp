#include "rung/graph/normalize.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

NodeId find_image(const Graph& graph, const std::string& name) {
  std::vector<std::string> names;
  for (const NodeId id : graph.inputs()) names.push_back(graph.node(id).name);
  if (name.empty() && names.size() == 1) return graph.inputs()[0];
  for (const NodeId id : graph.inputs()) {
    if (graph.node(id).name == name) return id;
  }
  fail_user("there is no input {} to normalise; the inputs are {}", quoted(name),
            join(names, ", "));
}

/// Behind one input, node by node.
class Normalizer {
 public:
  Normalizer(Graph& graph, Value x, std::string prefix)
      : graph_(graph), value_(x), prefix_(std::move(prefix)) {
    const TensorType& type = graph_.type(x);
    const auto channel = std::find(type.roles.begin(), type.roles.end(), Role::kChannel);
    if (!is_floating(type.dtype) || channel == type.roles.end()) {
      fail_user(
          "an input of {} {} cannot be normalised\n"
          "  rule    it is of a floating type, and has an axis of channels\n"
          "  fix     state its roles where the layers do not say them",
          to_string(type), roles_text(type));
    }
    axis_ = static_cast<size_t>(channel - type.roles.begin());
  }

  Value run(const Normalization& how) {
    if (how.size) resize(*how.size);
    if (how.reversed) reverse();
    const auto scale = per_channel(how.std, 1, "std"), mean = per_channel(how.mean, 0, "mean");
    std::vector<float> factors, shifts;
    for (size_t c = 0; c < scale.size(); ++c) {
      if (!(scale[c] > 0)) fail_user("normalize.std holds {}; it is above 0", scale[c]);
      factors.push_back(static_cast<float>(how.scale / scale[c]));
      shifts.push_back(static_cast<float>(-mean[c] / scale[c]));
    }
    binary("scale", ops::BinaryFn::kMul, factors, 1);
    binary("shift", ops::BinaryFn::kAdd, shifts, 0);
    return value_;
  }

 private:
  int64_t channels() const { return graph_.type(value_).shape.at(axis_); }

  void add(const std::string& name, Op op, std::vector<Value> inputs) {
    value_ = {graph_.add(prefix_ + name, std::move(op), std::move(inputs)), 0};
  }
  Value constant(const std::string& name, Tensor tensor) {
    return {graph_.add(prefix_ + name, ops::Constant{std::move(tensor)}, {}), 0};
  }

  std::vector<double> per_channel(const std::vector<double>& given, double usual,
                                  const char* what) const {
    const auto count = static_cast<size_t>(channels());
    if (given.empty()) return std::vector<double>(count, usual);
    if (given.size() == 1) return std::vector<double>(count, given[0]);
    if (given.size() != count) {
      fail_user("normalize.{} has {} numbers, and the input has {} channels", what, given.size(),
                count);
    }
    return given;
  }

  void resize(const std::pair<int64_t, int64_t>& size) {
    const TensorType& type = graph_.type(value_);
    if (type.rank() != 4 || axis_ != 1) {
      fail_user("normalize.size is for pictures [N, C, H, W], not {}", to_string(type));
    }
    add("resize", ops::Resize{.mode = ops::ResizeMode::kLinear, .size = {size.first, size.second}},
        {value_});
  }

  void reverse() {
    std::vector<int64_t> order;
    for (int64_t c = channels(); c-- > 0;) order.push_back(c);
    const Value places = constant("places", Tensor::i64({channels()}, order));
    add("reverse", ops::Gather{.axis = static_cast<int64_t>(axis_)}, {value_, places});
  }

  /// One number per channel; nothing where each is the neutral one.
  void binary(const std::string& name, ops::BinaryFn fn, const std::vector<float>& numbers,
              float neutral) {
    if (std::all_of(numbers.begin(), numbers.end(), [&](float x) { return x == neutral; })) return;
    Shape shape(graph_.type(value_).rank() - axis_, 1);
    shape[0] = static_cast<int64_t>(numbers.size());
    const Value by = constant(name + "_by", cast(Tensor::f32(shape, numbers)));
    add(name, ops::Binary{.fn = fn}, {value_, by});
  }

  /// Of the input's type.
  Tensor cast(const Tensor& tensor) const {
    Tensor out(graph_.type(value_).dtype, tensor.shape());
    for (int64_t i = 0; i < out.elements(); ++i) out.set(i, tensor.at(i));
    return out;
  }

  Graph& graph_;
  Value value_;
  std::string prefix_;
  size_t axis_ = 0;
};

}  // namespace

Normalization imagenet_normalization() {
  return {.mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225}};
}

Graph normalized(const Graph& graph, const Normalization& how, const std::string& input) {
  const NodeId image = find_image(graph, input);
  const std::string& name = graph.node(image).name;
  const std::string prefix = std::string(name.substr(0, name.rfind('/') + 1)) + "normalize.";
  if (graph.find(prefix + "scale") || graph.find(prefix + "shift")) {
    fail_user("the network normalises its input {} already", quoted(name));
  }
  Graph copy;
  std::vector<NodeId> made;
  Value seen;
  const auto moved = [&](Value value) {
    if (value.node == image) return seen;
    return Value{made[static_cast<size_t>(value.node.index)], value.port};
  };
  for (size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    std::vector<Value> inputs;
    for (const Value value : node.inputs) inputs.push_back(moved(value));
    made.push_back(copy.add(node.name, node.op, std::move(inputs), node.skip));
    if (graph.id(i) == image) seen = Normalizer(copy, {made.back(), 0}, prefix).run(how);
  }
  for (const Output& output : graph.outputs()) copy.add_output(output.name, moved(output.value));
  for (SkipNote note : graph.skips()) {
    for (Value* value : {&note.source, &note.adapted, &note.target, &note.merged}) {
      *value = moved(*value);
    }
    copy.add_skip_note(std::move(note));
  }
  return copy;
}

}  // namespace rung
