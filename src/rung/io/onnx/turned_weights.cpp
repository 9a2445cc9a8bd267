#include "rung/io/onnx/turned_weights.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "rung/io/onnx/names.h"
#include "rung/io/onnx/origin.h"

namespace rung::onnx_import {
namespace {

constexpr std::string_view kBias = "bias";

class Turned {
 public:
  explicit Turned(const onnx::GraphProto& graph) {
    for (const auto& tensor : graph.initializer()) {
      if (tensor.dims_size() == 2) matrices_.insert(tensor.name());
      if (tensor.dims_size() == 1 && tensor.name().ends_with(kBias)) biases_.insert(tensor.name());
    }
    for (const auto& node : graph.node()) {
      const bool constant = node.op_type() == "Constant" && node.output_size() == 1 &&
                            node.attribute_size() == 1 && node.attribute(0).has_t();
      if (constant && node.attribute(0).t().dims_size() == 2) matrices_.insert(node.output(0));
      for (const auto& input : node.input()) readers_[input].push_back(&node);
    }
    for (const auto& node : graph.node()) read(node);
  }
  std::unordered_map<std::string, std::string> names;

 private:
  bool is_product(const onnx::NodeProto& node, const std::string& weight) const {
    return node.op_type() == "MatMul" && node.input_size() == 2 && node.input(1) == weight &&
           node.input(0) != weight;
  }
  void read(const onnx::NodeProto& node) {
    if (node.op_type() != "MatMul" || node.input_size() != 2 || node.output_size() != 1) return;
    const std::string& weight = node.input(1);
    if (!matrices_.contains(weight) || !is_made_up(weight)) return;
    for (const auto* reader : readers_.at(weight)) {
      if (!is_product(*reader, weight)) return;
    }
    std::string name = beside_bias(node.output(0));
    const std::string module = module_of(origin_of(node));
    if (name.empty() && !module.empty()) name = module + ".weight";
    if (!name.empty()) names.emplace(weight, name);
  }
  /// "mlp.0.weight" for the bias mlp.0.bias that is added to a product.
  std::string beside_bias(const std::string& product) const {
    const auto found = readers_.find(product);
    if (found == readers_.end() || found->second.size() != 1) return "";
    const onnx::NodeProto& add = *found->second[0];
    if (add.op_type() != "Add" || add.input_size() != 2) return "";
    const std::string& bias = add.input(add.input(0) == product ? 1 : 0);
    if (!biases_.contains(bias)) return "";
    return bias.substr(0, bias.size() - kBias.size()) + "weight";
  }

  std::unordered_set<std::string> matrices_, biases_;
  std::unordered_map<std::string, std::vector<const onnx::NodeProto*>> readers_;
};

Tensor transposed(const Tensor& matrix) {
  const int64_t rows = matrix.shape()[0], columns = matrix.shape()[1];
  const auto size = static_cast<size_t>(size_of(matrix.dtype()));
  Tensor out(matrix.dtype(), {columns, rows});
  constexpr int64_t kTile = 32;  // rows that stay in the cache
  for (int64_t tile = 0; tile < rows; tile += kTile) {
    for (int64_t k = 0; k < columns; ++k) {
      for (int64_t i = tile; i < std::min(tile + kTile, rows); ++i) {
        std::memcpy(out.data() + static_cast<size_t>(k * rows + i) * size,
                    matrix.data() + static_cast<size_t>(i * columns + k) * size, size);
      }
    }
  }
  return out;
}

}  // namespace

Tensor turned(const OnnxFile& file, const onnx::TensorProto& weight) {
  Tensor& own = (*file.turned)[&weight];
  if (!own.defined()) own = transposed(file.tensor(weight));
  return own;
}

std::unordered_map<std::string, std::string> turned_weights(const onnx::GraphProto& graph) {
  return Turned(graph).names;
}

}  // namespace rung::onnx_import
