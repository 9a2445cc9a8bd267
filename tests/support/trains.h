#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>

#include "rung/exec/eager/module.h"

namespace rung::testing {

/// Twenty steps on one batch of images [4, 3, 16, 16] halve the loss at least, and move the buffer
/// of that name.
inline void expect_trains(Module& net, const std::string& buffer) {
  net->train();
  const auto x = torch::randn({4, 3, 16, 16});
  const auto before = net->weights().at(buffer).clone();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  const auto step = [&] {
    optimizer.zero_grad();
    const auto loss = (net->forward(x) - 1).square().mean();
    loss.backward();
    optimizer.step();
    return loss.item<double>();
  };
  const double first = step();
  for (int i = 0; i < 20; ++i) step();
  EXPECT_LT(step(), 0.5 * first);
  EXPECT_FALSE(at::allclose(net->weights().at(buffer), before));
}

}  // namespace rung::testing
