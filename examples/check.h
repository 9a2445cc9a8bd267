#pragma once

// What the examples share: a line per fact that they show, and exit code 1 where it does not hold.

#include <torch/torch.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "rung/exec/eager/module.h"

inline void check(bool holds, const std::string& fact) {
  std::cout << (holds ? "ok     " : "WRONG  ") << fact << std::endl;
  if (!holds) std::exit(1);
}

/// One step of training towards zero; every weight that can be trained must get a finite gradient.
inline void train_step(rung::Module& net, const at::Tensor& input) {
  torch::optim::SGD optimizer(net->parameters(), 0.05);
  net->forward(input).square().mean().backward();
  bool finite = true;
  for (const auto& weight : net->parameters()) {
    finite = finite && weight.grad().defined() && weight.grad().isfinite().all().item<bool>();
  }
  check(finite, "every weight has a finite gradient");
  optimizer.step();
}

inline std::string text(const at::Tensor& tensor) {
  std::string out;
  for (const int64_t size : tensor.sizes())
    out += (out.empty() ? "[" : ", ") + std::to_string(size);
  return out + "]";
}
