#include "rung/io/onnx/layer_weights.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace rung::onnx_import {
namespace {

/// The inputs of an operator where its weights are: from, and up to but not including.
struct Places {
  std::string_view op;
  int begin, end;
};
constexpr std::array<Places, 15> kPlaces = {{{"BatchNormalization", 1, 5},
                                             {"Conv", 1, 3},
                                             {"ConvTranspose", 1, 3},
                                             {"GRU", 1, 4},
                                             {"Gather", 0, 1},
                                             {"Gemm", 1, 3},
                                             {"GroupNormalization", 1, 3},
                                             {"InstanceNormalization", 1, 3},
                                             {"LSTM", 1, 8},
                                             {"LayerNormalization", 1, 3},
                                             {"MatMul", 0, 2},
                                             {"PRelu", 1, 2},
                                             {"RMSNormalization", 1, 2},
                                             {"RNN", 1, 4},
                                             {"SimplifiedLayerNormalization", 1, 2}}};

bool arranges(std::string_view op) {
  return op == "Identity" || op == "Reshape" || op == "Squeeze" || op == "Transpose" ||
         op == "Unsqueeze";
}

bool has_bias_behind(std::string_view op) {
  return op == "Conv" || op == "ConvTranspose" || op == "MatMul";
}

class Search {
 public:
  explicit Search(const onnx::GraphProto& graph) {
    for (const auto& tensor : graph.initializer()) {
      if (tensor.dims_size() > 0) initializers_.insert(tensor.name());
    }
    for (const auto& node : graph.node()) {
      for (const auto& output : node.output()) makers_.emplace(output, &node);
    }
    for (const auto& node : graph.node()) {
      const auto* places = std::find_if(kPlaces.begin(), kPlaces.end(), [&](const Places& each) {
        return each.op == node.op_type();
      });
      if (places != kPlaces.end()) {
        for (int i = places->begin; i < std::min(places->end, node.input_size()); ++i) {
          take(node.input(i));
        }
      }
      if (node.op_type() != "Add" || node.input_size() != 2) continue;
      for (const auto& [bias, sum] : {std::pair{0, 1}, std::pair{1, 0}}) {
        const auto* layer = maker(node.input(sum));
        if (layer != nullptr && has_bias_behind(layer->op_type())) take(node.input(bias));
      }
    }
  }
  std::unordered_set<std::string> found;

 private:
  const onnx::NodeProto* maker(const std::string& value) const {
    const auto place = makers_.find(value);
    return place == makers_.end() ? nullptr : place->second;
  }
  void take(std::string value) {
    const auto* node = maker(value);
    if (initializers_.contains(value)) found.insert(value);
    for (size_t steps = 0; node != nullptr && steps < makers_.size(); ++steps) {
      if (node->op_type() == "Constant") found.insert(value);
      if (!arranges(node->op_type()) || node->input_size() == 0) return;
      value = node->input(0);
      node = maker(value);
      if (initializers_.contains(value)) found.insert(value);
    }
  }

  std::unordered_map<std::string, const onnx::NodeProto*> makers_;
  std::unordered_set<std::string> initializers_;
};

}  // namespace

std::unordered_set<std::string> layer_weights(const onnx::GraphProto& graph) {
  return Search(graph).found;
}

}  // namespace rung::onnx_import
