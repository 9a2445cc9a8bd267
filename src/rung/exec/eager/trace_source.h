#pragma once

#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "rung/exec/eager/trace.h"

namespace rung::tracing {

/// A weight of what is traced; those that two modules share stand once.
struct TracedWeight {
  std::string name;
  at::Tensor tensor;
  bool buffer = false;
};

/// A module around traced operators, for names.
struct TracedModule {
  std::string path;  ///< "layer1.0"; the root's is empty
  std::string type;  ///< as PyTorch calls it: "Conv2d", "Sequential"
  bool children = false;
  bool weights = false;
};

/// What stands behind a traced function.
struct Source {
  std::vector<TracedWeight> weights;
  std::vector<TracedModule> modules;  ///< parents before their parts
  /// Tensors that belong to the program itself, as the numbers in it do.
  std::vector<at::Tensor> constants;
};

/// A module of LibTorch (null: nothing).
Source source_of(const torch::nn::Module* root);

/// What trace_function does, for a network in any form that runs in evaluation.
Model trace_source(const Source& source, const TraceFunction& run,
                   const std::vector<at::Tensor>& examples, const TraceOptions& options);

}  // namespace rung::tracing
