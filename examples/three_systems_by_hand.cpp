// The three systems again, from plain layers: each network is written without its skip, and the
// join adds it. Weights have the names that they have in the ready blocks, and so the same values.

#include "check.h"
#include "rung/rung.h"

// conv1 3×3, ReLU, conv2 3×3, ReLU: 64 channels in, `out` out.
rung::Model two_convolutions(int64_t out) {
  rung::Builder b;
  rung::Value x = b.input("x", {1, 64, 32, 32});
  x = b.relu("relu", b.conv("conv1", x, {.out = out, .padding = {1}}));
  x = b.conv("conv2", x, {.out = out, .padding = {1}});
  b.output("output", b.relu("relu_2", x));
  return std::move(b).finish();
}

// An LSTM, and a linear layer of its last step.
rung::Model last_step() {
  rung::Builder b;
  const rung::Value x = b.input("x", {rung::DType::kF32, {1, 100, 10}, rung::sequence_roles()});
  const rung::Value sequence = b.lstm("lstm", x, {.hidden = 20});
  const rung::Value last = b.add("last", rung::ops::Slice{.axis = 1, .begin = -1}, {sequence});
  b.output("output", b.linear("linear", last, 10));
  return std::move(b).finish();
}

void compare(const std::string& name, const rung::Model& by_hand, const rung::Model& block,
             const at::Tensor& x, const std::string& shape) {
  rung::Module a(by_hand), b(block);
  check(text(a->forward(x)) == shape, name + ": " + text(x) + " -> " + shape);
  bool same = a->weights().size() == b->weights().size();
  for (const auto& [key, unused] : a->weights()) same = same && b->weights().count(key) == 1;
  check(same, name + ": the weights have the block's names");
  check(torch::equal(a->forward(x), b->forward(x)), name + ": the outputs are the block's");
}

int main() {
  const at::Tensor image = torch::randn({1, 64, 32, 32}), sequence = torch::randn({1, 100, 10});
  const auto add = rung::join(two_convolutions(128))
                       .skip({.from = "x",
                              .to = "conv2",
                              .merge = "add",
                              .project = rung::Project::kAlways,
                              .projection_name = "skip_projection"})
                       .plan();
  const auto concat = rung::join(two_convolutions(64))
                          .skip({.from = "x",
                                 .to = "conv2",
                                 .merge = "concat",
                                 .out = 128,
                                 .reduction_name = "concat_projection"})
                          .plan();
  const auto append = rung::join(last_step())
                          .skip({.from = "lstm:0",
                                 .to = "linear",
                                 .merge = "prepend",
                                 .projection_name = "sequence_projection"})
                          .plan();
  std::cout << add.explain() << concat.explain() << append.explain();
  compare("add", add.apply(), rung::blocks::skip_connection_block(), image, "[1, 128, 32, 32]");
  compare("concat", concat.apply(), rung::blocks::skip_connection_block_concat(), image,
          "[1, 128, 32, 32]");
  compare("append", append.apply(), rung::blocks::skip_connection_rnn(), sequence, "[1, 101, 10]");
}
