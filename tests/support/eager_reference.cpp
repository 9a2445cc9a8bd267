#include "support/eager_reference.h"

#include <torch/utils.h>

#include <limits>

#include "rung/base/rng.h"
#include "rung/exec/eager/convert.h"

namespace rung::testing {
namespace {

bool is_constant(const at::Tensor& weight) {
  return weight.numel() > 0 && weight.is_floating_point() &&
         weight.min().item<double>() == weight.max().item<double>();
}

}  // namespace

void draw_telling(Model& model, uint64_t seed) {
  draw_missing(model, seed);
  for (auto& [name, tensor] : model.weights) {
    const at::Tensor weight = to_torch(tensor).detach();
    if (!is_constant(weight)) continue;
    Tensor moved(tensor.dtype(), tensor.shape());
    Rng rng(seed, "moved " + name);
    const double from = tensor.at(0);
    for (int64_t i = 0; i < moved.elements(); ++i) moved.set(i, from + rng.uniform(-0.2, 0.2));
    tensor = moved;
  }
}

std::vector<Tensor> draw_inputs(const Graph& graph, uint64_t seed) {
  std::vector<Tensor> inputs;
  for (const NodeId id : graph.inputs()) {
    const TensorType& type = graph.type({id, 0});
    Rng rng(seed, graph.node(id).name);
    Tensor& tensor = inputs.emplace_back(type.dtype, type.shape);
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      tensor.set(i,
                 is_floating(type.dtype) ? rng.normal() : static_cast<double>(rng.integer(0, 1)));
    }
  }
  return inputs;
}

double relative_rms(const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (got.size() != want.size()) return kInfinite;
  double worst = 0;
  for (size_t k = 0; k < want.size(); ++k) {
    if (got[k].dtype() != want[k].dtype() || got[k].shape() != want[k].shape()) return kInfinite;
    const at::Tensor a = to_torch(got[k]).to(at::kDouble), b = to_torch(want[k]).to(at::kDouble);
    if (b.numel() == 0 || !b.isfinite().all().item<bool>()) continue;
    const double difference = (a - b).norm().item<double>(), scale = b.norm().item<double>();
    if (difference == 0) continue;
    const double error =
        scale > 0 ? difference / scale : difference / std::sqrt(static_cast<double>(b.numel()));
    worst = error <= worst ? worst : std::isfinite(error) ? error : kInfinite;
  }
  return worst;
}

}  // namespace rung::testing
