// A join on LibTorch: a forward and a backward pass.
#include <iostream>

#include "every_header_core.h"
#include "every_header_torch.h"

int main() {
  rung::Module net(rung::blocks::skip_connection_block({.in = 4, .out = 8}));
  const at::Tensor out = net->forward(torch::randn({1, 4, 6, 6}));
  out.sum().backward();
  std::cout << out.sizes() << '\n';
  return net->parameters().front().grad().defined() ? 0 : 1;
}
