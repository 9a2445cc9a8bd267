#pragma once

#include <mutex>

#include "rung/exec/onednn/frame.h"
#include "rung/exec/onednn/lower.h"
#include "rung/exec/onednn/program.h"

namespace rung::onednn {

/// What holds for every shape: weights folded where they can be, nodes that no output needs gone.
struct Prepared {
  Model model;
  std::vector<std::string> notes;
};
Prepared prepare(const Model& model, const CompileOptions& options);

/// A program for one set of input shapes.
struct Compiled {
  Plan plan;
  std::vector<size_t> used_inputs;  ///< of the graph's, those that the plan reads
  std::vector<TensorType> inputs, outputs;
  CompileReport report;

  std::mutex mutex;                            ///< guards what follows
  std::vector<std::unique_ptr<Frame>> frames;  ///< at rest
};

/// The pipeline: from a prepared network to steps with places, for these input shapes. `names` are
/// the inputs of the network as it was given, in order.
std::unique_ptr<Compiled> compile_for(const Prepared& prepared,
                                      const std::vector<std::string>& names,
                                      const InputShapes& shapes, const CompileOptions& options,
                                      Packer& packer, PlanCache& cache);

}  // namespace rung::onednn
