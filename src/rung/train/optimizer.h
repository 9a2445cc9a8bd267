#pragma once

#include <torch/optim/optimizer.h>

#include <memory>
#include <string>

#include "rung/exec/eager/module.h"
#include "rung/train/options.h"

namespace rung {

/// LibTorch's optimiser over the parameters of a network that are not frozen, those of rank 1
/// without weight decay unless asked for. Throws a user error where nothing is left to train.
std::unique_ptr<torch::optim::Optimizer> make_optimizer(const ModuleImpl& net,
                                                        const OptimizerOptions& options);

void set_rate(torch::optim::Optimizer& optimizer, double rate);

/// The optimiser's state as bytes in LibTorch's own form, and back.
at::Tensor save_state(const torch::optim::Optimizer& optimizer);
void load_state(torch::optim::Optimizer& optimizer, const at::Tensor& bytes);

}  // namespace rung
