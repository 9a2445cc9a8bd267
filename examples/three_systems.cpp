// The three systems that rung begins with, as ready blocks: build, run, print the shapes.
#include <iostream>

#include "rung/rung.h"

int main() {
  rung::Module add(rung::blocks::skip_connection_block({.in = 64, .out = 128}));
  rung::Module concat(rung::blocks::skip_connection_block_concat({.in = 64, .out = 128}));
  rung::Module rnn(rung::blocks::skip_connection_rnn({.input = 10, .hidden = 20}));

  const at::Tensor image = torch::randn({1, 64, 32, 32});
  const at::Tensor sequence = torch::randn({1, 100, 10});
  std::cout << "SkipConnectionBlock       " << add->forward(image).sizes() << '\n'
            << "SkipConnectionBlockConcat " << concat->forward(image).sizes() << '\n'
            << "SkipConnectionRNN         " << rnn->forward(sequence).sizes() << '\n';
}
