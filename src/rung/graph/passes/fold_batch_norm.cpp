#include "rung/graph/passes/fold_batch_norm.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "rung/graph/passes/rebuild.h"

namespace rung {
namespace {

/// What a batch norm does to each channel: scale · x + shift.
struct Affine {
  std::vector<double> scale, shift;
};

/// Weights of a layer in double, with the sizes by which they are read.
struct Layer {
  Shape shape;
  std::vector<double> weight, bias;
};

std::vector<double> doubles(const Tensor& tensor) {
  const auto values = tensor.as<float>();
  return {values.begin(), values.end()};
}
Tensor floats(const Shape& shape, const std::vector<double>& values) {
  return Tensor::f32(shape, {values.begin(), values.end()});
}

bool is_transposed(const Op& op) { return std::holds_alternative<ops::ConvTranspose>(op); }
int64_t groups_of(const Op& op) {
  if (const auto* conv = std::get_if<ops::Conv>(&op)) return conv->groups;
  if (const auto* conv = std::get_if<ops::ConvTranspose>(&op)) return conv->groups;
  return 1;
}

/// For each pair of channels that a layer connects, its piece of the weight: outputs and inputs as
/// the network counts them, across groups.
template <typename F>
void for_each_pair(const Op& op, const Shape& weight, const F& use) {
  const int64_t rows = weight[0], columns = weight[1];
  const int64_t length = element_count(weight) / std::max<int64_t>(rows * columns, 1);
  const int64_t per_group = rows / groups_of(op);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t across = row / per_group * columns + column;
      const int64_t out = is_transposed(op) ? across : row, in = is_transposed(op) ? row : across;
      use(static_cast<size_t>(out), static_cast<size_t>(in),
          static_cast<size_t>((row * columns + column) * length), static_cast<size_t>(length));
    }
  }
}

// norm(layer(x))
void fold_behind(const Op& op, const Affine& norm, Layer& layer) {
  for_each_pair(op, layer.shape, [&](size_t out, size_t, size_t begin, size_t length) {
    for (size_t i = begin; i < begin + length; ++i) layer.weight[i] *= norm.scale[out];
  });
  for (size_t out = 0; out < layer.bias.size(); ++out) {
    layer.bias[out] = norm.scale[out] * layer.bias[out] + norm.shift[out];
  }
}

// layer(norm(x)), where every output sees every piece of the weight: without padding
void fold_in_front(const Op& op, const Affine& norm, Layer& layer) {
  for_each_pair(op, layer.shape, [&](size_t out, size_t in, size_t begin, size_t length) {
    for (size_t i = begin; i < begin + length; ++i) {
      layer.bias[out] += layer.weight[i] * norm.shift[in];
      layer.weight[i] *= norm.scale[in];
    }
  });
}

bool sees_all(const Op& op) {
  if (std::holds_alternative<ops::Linear>(op)) return true;
  const auto* conv = std::get_if<ops::Conv>(&op);
  return conv != nullptr &&
         std::all_of(conv->padding.begin(), conv->padding.end(), [](int64_t n) { return n == 0; });
}

bool is_layer(const Op& op) {
  return std::holds_alternative<ops::Conv>(op) || std::holds_alternative<ops::Linear>(op) ||
         std::holds_alternative<ops::ConvTranspose>(op);
}

class Folding {
 public:
  explicit Folding(const Model& model)
      : model_(model), graph_(model.graph), users_(graph_), rebuild_(graph_) {
    for (const auto& output : graph_.outputs()) outputs_.insert(output.value);
  }

  Model behind() { return run(&Folding::fold_into_input); }
  Model in_front() { return run(&Folding::fold_into_reader); }

 private:
  Model run(void (Folding::*fold)(NodeId, const Affine&)) {
    for (size_t i = 0; i < graph_.size(); ++i) {
      if (const auto norm = affine(graph_.nodes()[i])) (this->*fold)(graph_.id(i), *norm);
    }
    if (rebuild_.empty()) return model_;
    return with_graph(model_, rebuild_.finish(), std::move(weights_));
  }

  // The value of a weight; null where it is not known, or of another type.
  const Tensor* known(Value value) const {
    const Node& node = graph_.node(value.node);
    const Tensor* tensor = nullptr;
    if (const auto* constant = std::get_if<ops::Constant>(&node.op)) tensor = &constant->value;
    if (std::holds_alternative<ops::Param>(node.op)) {
      const auto found = model_.weights.find(node.name);
      if (found != model_.weights.end()) tensor = &found->second;
    }
    return tensor != nullptr && tensor->dtype() == DType::kF32 ? tensor : nullptr;
  }

  bool all_known(const Node& node) const {
    return std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                       [&](Value value) { return known(value) != nullptr; });
  }

  std::optional<Affine> affine(const Node& node) const {
    const auto* op = std::get_if<ops::BatchNorm>(&node.op);
    if (op == nullptr || !op->track || !all_known(node)) return std::nullopt;
    const size_t running = op->affine ? 3 : 1;
    const auto mean = doubles(*known(node.inputs[running]));
    const auto variance = doubles(*known(node.inputs[running + 1]));
    Affine result{std::vector<double>(mean.size(), 1), std::vector<double>(mean.size(), 0)};
    if (op->affine) {
      result = {doubles(*known(node.inputs[1])), doubles(*known(node.inputs[2]))};
    }
    for (size_t c = 0; c < mean.size(); ++c) {
      result.scale[c] /= std::sqrt(variance[c] + op->eps);
      result.shift[c] -= mean[c] * result.scale[c];
      if (!std::isfinite(result.scale[c]) || !std::isfinite(result.shift[c])) return std::nullopt;
    }
    return result;
  }

  bool read_once(Value value) const {
    const auto readers = users_.of(graph_, value);
    if (readers.size() != 1 || outputs_.contains(value)) return false;
    const auto& inputs = graph_.node(readers[0]).inputs;
    return std::count(inputs.begin(), inputs.end(), value) == 1;
  }

  bool can_fold(NodeId id) const {
    const Node& node = graph_.node(id);
    return is_layer(node.op) && !rebuild_.changed(id) && all_known(node);
  }

  void fold_into_input(NodeId norm, const Affine& affine) {
    const Value x = graph_.node(norm).inputs[0];
    if (!can_fold(x.node) || !read_once(x)) return;
    const Node& node = graph_.node(x.node);
    // A Linear's outputs are the last axis, a batch norm's channels the second.
    if (std::holds_alternative<ops::Linear>(node.op) && node.types[0].rank() != 2) return;
    Layer layer = layer_of(node, affine.scale.size());
    fold_behind(node.op, affine, layer);
    replace(x.node, node.inputs[0], layer);
    rebuild_.replace({norm, 0}, x);
  }

  void fold_into_reader(NodeId norm, const Affine& affine) {
    const Value y{norm, 0};
    if (!read_once(y)) return;
    const NodeId reader = users_.of(graph_, y)[0];
    const Node& node = graph_.node(reader);
    if (!can_fold(reader) || !sees_all(node.op) || node.inputs[0] != y) return;
    const bool linear = std::holds_alternative<ops::Linear>(node.op);
    if (linear && node.types[0].rank() != 2) return;
    Layer layer = layer_of(node, static_cast<size_t>(node.types[0].shape[1]));
    fold_in_front(node.op, affine, layer);
    replace(reader, graph_.node(norm).inputs[0], layer);
  }

  Layer layer_of(const Node& node, size_t outputs) const {
    const Tensor& weight = *known(node.inputs[1]);
    std::vector<double> bias(outputs, 0);
    if (node.inputs.size() > 2) bias = doubles(*known(node.inputs[2]));
    return {weight.shape(), doubles(weight), std::move(bias)};
  }

  void replace(NodeId id, Value x, const Layer& layer) {
    const Node& node = graph_.node(id);
    const std::string bias =
        node.inputs.size() > 2 ? graph_.node(node.inputs[2].node).name : node.name + ".bias";
    const Shape outputs{static_cast<int64_t>(layer.bias.size())};
    Rebuild::Change change{.op = node.op, .inputs = {x}};
    change.params.push_back(
        new_weight(graph_.node(node.inputs[1].node).name, floats(layer.shape, layer.weight)));
    change.params.push_back(new_weight(bias, floats(outputs, layer.bias)));
    rebuild_.change(id, std::move(change));
  }

  // A shared weight is folded once for each of its layers.
  std::pair<std::string, ops::Param> new_weight(const std::string& of, Tensor value) {
    std::string name = of + ".folded";
    for (int i = 2; graph_.find(name) || weights_.contains(name); ++i) {
      name = of + ".folded" + std::to_string(i);
    }
    ops::Param param{.shape = value.shape()};
    weights_.emplace(name, std::move(value));
    return {name, param};
  }

  const Model& model_;
  const Graph& graph_;
  Users users_;
  Rebuild rebuild_;
  std::set<Value> outputs_;
  Weights weights_;  ///< new
};

}  // namespace

Model fold_batch_norm(const Model& model) {
  // Behind first: a layer between two norms takes both then.
  const Model behind = Folding(model).behind();
  return Folding(behind).in_front();
}

}  // namespace rung
