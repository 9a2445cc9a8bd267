#pragma once

#include <torch/csrc/jit/api/module.h>

#include "rung/exec/eager/torchscript_inputs.h"
#include "rung/exec/eager/trace_source.h"

namespace rung::torchscript {

/// Weights (parameters; every other tensor that a module holds is a buffer), modules, and the
/// tensors that stand in the code of `forward`.
tracing::Source source_of(const torch::jit::Module& module);

/// What a module holds, to see that running it changes nothing.
class State {
 public:
  explicit State(const torch::jit::Module& module);
  /// Throws an unsupported error that names what has changed.
  void check_unchanged(const torch::jit::Module& module) const;

 private:
  std::vector<std::pair<c10::IValue, uint32_t>> values_;  ///< and the version, of tensors
};

/// What the code of `forward` says of an input: whole numbers, where it looks something up.
at::ScalarType type_of_input(const torch::jit::Module& module, const std::string& name);
/// An example's shape, with `size` for every axis but batch and channels, where the first layer
/// with weights that the input reaches is a convolution.
std::optional<Shape> shape_for_convolution(const torch::jit::Module& module,
                                           const std::string& name, int64_t size);

}  // namespace rung::torchscript
