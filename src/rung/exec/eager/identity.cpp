#include "rung/exec/eager/identity.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "rung/base/error.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/rewrite.h"

namespace rung {
namespace {

/// By name: without its skips the network may lack inputs.
std::vector<at::Tensor> outputs(const Model& model, const TensorMap& inputs, uint64_t seed) {
  const at::NoGradGuard no_grad;
  const at::Device device = inputs.empty() ? at::kCPU : inputs.begin()->second.device();
  Module module(model, ModuleOptions{.seed = seed});
  Module own(
      std::dynamic_pointer_cast<ModuleImpl>(module->clone(device)));  // weights are not moved
  own->eval();
  std::vector<at::Tensor> in;
  for (const NodeId id : model.graph.inputs()) {
    in.push_back(inputs.at(model.graph.node(id).name));
  }
  return own->forward(in);
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
  const auto bytes = [](const at::Tensor& x) { return x.cpu().contiguous(); };
  const at::Tensor x = bytes(a), y = bytes(b);
  return x.numel() == 0 || std::memcmp(x.data_ptr(), y.data_ptr(), x.nbytes()) == 0;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
  const at::Tensor alike = x.eq(y).logical_or(x.isnan().logical_and(y.isnan()));
  const double largest = (x - y).masked_fill(alike, 0).abs().max().item<double>();
  return largest == largest ? largest : std::numeric_limits<double>::infinity();
}

}  // namespace

std::vector<OutputDifference> compare_without_skips(const Model& joined,
                                                    const std::vector<at::Tensor>& inputs,
                                                    std::vector<std::string> skips, uint64_t seed) {
  if (skips.empty()) {
    for (const SkipNote& note : joined.graph.skips()) skips.push_back(note.name);
  }
  const auto names = joined.graph.inputs();
  if (names.size() != inputs.size()) {
    fail_user("the network takes {} inputs, not {}", names.size(), inputs.size());
  }
  TensorMap given;
  for (size_t i = 0; i < names.size(); ++i) {
    given.emplace(joined.graph.node(names[i]).name, inputs[i]);
  }
  Model plain = joined;
  plain.graph = without_skips(joined.graph, skips);
  const auto with = outputs(joined, given, seed), without = outputs(plain, given, seed);
  std::vector<OutputDifference> out;
  for (size_t i = 0; i < with.size(); ++i) {
    out.push_back({.output = joined.graph.outputs()[i].name,
                   .same_bits = same_bits(with[i], without[i]),
                   .largest = largest_difference(with[i], without[i])});
  }
  return out;
}

bool is_identity(const std::vector<OutputDifference>& differences) {
  return std::all_of(differences.begin(), differences.end(),
                     [](const auto& difference) { return difference.same_bits; });
}

}  // namespace rung
