#pragma once

#include <torch/torch.h>

#include "rung/exec/eager/module.h"
#include "rung/train/dataset.h"
#include "rung/train/options.h"

namespace rung {

/// Autocast to bf16 while it lives, where the options ask for it.
class Autocast {
 public:
  explicit Autocast(const TrainOptions& options);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
  bool cpu_;
};

/// On the device, and maps in the memory layout that the options ask for.
Batch placed(const Batch& batch, const TrainOptions& options);

/// The batch's inputs as the network takes them: pictures [N, C, H, W] are turned where that is
/// [N, H, W, C].
std::vector<at::Tensor> network_inputs(const Graph& graph, const Batch& batch);

/// The network's outputs, maps as [N, C, H, W] whatever their layout.
std::vector<at::Tensor> forward(ModuleImpl& net, const Batch& batch);

}  // namespace rung
