#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "rung/graph/extents.h"
#include "rung/graph/graph.h"
#include "rung/graph/model.h"

namespace rung {

struct ConvOptions {
  int64_t out = 0;          ///< output channels
  ops::Sizes kernel = {3};  ///< one number serves every spatial axis; so for the others
  ops::Sizes stride = {1};
  ops::Sizes padding = {0};
  ops::Sizes dilation = {1};
  ops::Sizes output_padding = {0};  ///< transposed only
  int64_t groups = 1;
  bool bias = true;
  ops::PadMode pad_mode = ops::PadMode::kZeros;
  /// Missing: PyTorch's default, U(-1/√fan_in, 1/√fan_in) for weight and bias.
  std::optional<ops::InitKind> weight_init = std::nullopt;
  double weight_init_value = 0;
};

struct RecurrentOptions {
  int64_t hidden = 0;
  int64_t layers = 1;
  bool bidirectional = false;
  bool batch_first = true;
  bool bias = true;
  double dropout = 0;
};

/// Builds a graph layer by layer, with PyTorch's names of weights: `conv("conv1", x, …)` inside
/// `scope("layer1.0")` makes node layer1.0.conv1 and weights layer1.0.conv1.weight, …bias.
/// Every call returns the value that the layer produces and throws what Graph::add throws.
///
///   Builder b;
///   Value x = b.input("x", {DType::kF32, {1, 3, 32, 32}, map_roles(4)});
///   x = b.relu("relu1", b.conv("conv1", x, {.out = 16, .padding = {1}}));
///   b.output("y", x);
///   Model model = b.finish();
class Builder {
 public:
  Builder() = default;
  /// Continues an existing graph.
  explicit Builder(Graph graph) : graph_(std::move(graph)) {}

  /// Names below are put under `name.` until the returned guard ends.
  class Scope {
   public:
    ~Scope() { builder_.prefix_.resize(size_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    friend class Builder;
    Scope(Builder& builder, const std::string& name);
    Builder& builder_;
    size_t size_;
  };
  [[nodiscard]] Scope scope(const std::string& name) { return Scope(*this, name); }
  /// What `name` is called in the graph: with the scopes in front.
  std::string path(const std::string& name) const { return prefix_ + name; }

  Value input(const std::string& name, TensorType type);
  /// f32, roles by rank.
  Value input(const std::string& name, Shape shape);
  void output(const std::string& name, Value value);
  Model finish(std::string model_name = {}) &&;

  /// Any op. Its name is the current scope plus `name`.
  Value add(const std::string& name, Op op, std::vector<Value> inputs);
  Value param(const std::string& name, ops::Param param);
  Value constant(const std::string& name, Tensor value);
  /// A number as a rank-0 f32 constant.
  Value scalar(const std::string& name, double value);

  Value conv(const std::string& name, Value x, const ConvOptions& options);
  Value conv_transpose(const std::string& name, Value x, const ConvOptions& options);
  Value linear(const std::string& name, Value x, int64_t out, bool bias = true);
  Value batch_norm(const std::string& name, Value x, double eps = 1e-5, double momentum = 0.1);
  /// The same with a weight of zero: whatever x is, the result is zero before training.
  Value zero_batch_norm(const std::string& name, Value x);
  Value layer_norm(const std::string& name, Value x, int64_t axes = 1, double eps = 1e-5);
  Value group_norm(const std::string& name, Value x, int64_t groups, double eps = 1e-5);
  Value instance_norm(const std::string& name, Value x, bool affine = false, double eps = 1e-5);
  /// y; h and c are ports 1 and 2 of the same node.
  Value lstm(const std::string& name, Value x, const RecurrentOptions& options);
  Value gru(const std::string& name, Value x, const RecurrentOptions& options);
  Value rnn(const std::string& name, Value x, const RecurrentOptions& options,
            ops::Cell cell = ops::Cell::kRnnTanh);
  Value embedding(const std::string& name, Value indices, int64_t rows, int64_t features);

  Value relu(const std::string& name, Value x) { return unary(name, ops::UnaryFn::kRelu, x); }
  Value unary(const std::string& name, ops::UnaryFn fn, Value x);
  Value binary(const std::string& name, ops::BinaryFn fn, Value a, Value b);
  Value sum(const std::string& name, Value a, Value b) {
    return binary(name, ops::BinaryFn::kAdd, a, b);
  }
  Value concat(const std::string& name, std::vector<Value> parts, int64_t axis = 1);
  Value max_pool(const std::string& name, Value x, int64_t kernel, int64_t stride,
                 int64_t padding = 0, bool ceil_mode = false);
  Value avg_pool(const std::string& name, Value x, int64_t kernel, int64_t stride,
                 int64_t padding = 0);
  Value adaptive_pool(const std::string& name, Value x, ops::Sizes size,
                      ops::PoolKind kind = ops::PoolKind::kAverage);
  Value flatten(const std::string& name, Value x, int64_t first = 1, int64_t last = -1);
  Value dropout(const std::string& name, Value x, double p);

  /// Nodes added from now on belong to this skip (Node::skip); empty: to none.
  void tag_skip(std::string name) { skip_ = std::move(name); }
  void add_skip_note(SkipNote note) { graph_.add_skip_note(std::move(note)); }

  const TensorType& type(Value value) const { return graph_.type(value); }
  const Graph& graph() const { return graph_; }
  /// Which sizes are equal at every input size, of all nodes so far.
  const Extents& extents() {
    extents_.update(graph_);
    return extents_;
  }

 private:
  Value recurrent(const std::string& name, ops::Cell cell, Value x,
                  const RecurrentOptions& options);
  std::vector<Value> norm_weights(const std::string& name, Value x, Shape shape, bool running,
                                  ops::InitKind weight = ops::InitKind::kOnes);

  Graph graph_;
  Extents extents_;
  std::string prefix_;
  std::string skip_;
};

}  // namespace rung
