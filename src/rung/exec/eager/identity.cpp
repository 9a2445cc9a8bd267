#include "rung/exec/eager/identity.h"

#include <algorithm>
#include <limits>

#include "rung/exec/eager/module.h"
#include "rung/graph/rewrite.h"

namespace rung {
namespace {

std::vector<at::Tensor> outputs(const Model& model, const std::vector<at::Tensor>& inputs,
                                uint64_t seed) {
  const at::NoGradGuard no_grad;
  Module module(model, ModuleOptions{.seed = seed, .device = inputs.empty() ? at::kCPU
                                                                            : inputs[0].device()});
  module->eval();
  return module->forward(inputs);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  const double largest =
      (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
  return largest == largest ? largest : std::numeric_limits<double>::infinity();
}

}  // namespace

std::vector<OutputDifference> compare_without_skips(const Model& joined,
                                                    const std::vector<at::Tensor>& inputs,
                                                    std::vector<std::string> skips, uint64_t seed) {
  if (skips.empty()) {
    for (const SkipNote& note : joined.graph.skips()) skips.push_back(note.name);
  }
  Model plain = joined;
  plain.graph = without_skips(joined.graph, skips);
  const auto with = outputs(joined, inputs, seed), without = outputs(plain, inputs, seed);
  std::vector<OutputDifference> out;
  for (size_t i = 0; i < with.size(); ++i) {
    out.push_back({.output = joined.graph.outputs()[i].name,
                   .same_bits = at::equal(with[i], without[i]),
                   .largest = largest_difference(with[i], without[i])});
  }
  return out;
}

bool is_identity(const std::vector<OutputDifference>& differences) {
  return std::all_of(differences.begin(), differences.end(),
                     [](const auto& difference) { return difference.same_bits; });
}

}  // namespace rung
