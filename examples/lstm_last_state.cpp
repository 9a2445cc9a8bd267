// An LSTM with a skip from its last state: h (output 1 of the layer) joins what a second network
// makes of the sequence, at any number of steps.
//
//   x ── lstm ── y ── last ── head
//          └──── h ────────────┘ add: projected from 64 to 5 features

#include "check.h"
#include "rung/rung.h"

int main() {
  const rung::Model net = rung::zoo("lstm", {{"in", "7"}, {"hidden", "64"}, {"out", "5"}});
  const auto plan = rung::join(net).skip({.from = "lstm:1", .to = "head"}).plan();
  std::cout << plan.explain();

  rung::Module joined(plan.apply(), rung::ModuleOptions{.seed = 3});
  const at::Tensor x = torch::randn({4, 23, 7});
  check(text(joined->forward(x)) == "[4, 5]", text(x) + " -> [4, 5]");

  // The same by hand: the state is the last step of the sequence.
  const auto parts = joined->taps({"lstm:0", "lstm:1", "head"}, x);
  check(torch::equal(parts[0].select(1, 22), parts[1][0]), "h is the last step of y");
  const auto& weights = joined->weights();
  const at::Tensor by_hand =
      parts[2] + torch::linear(parts[1][0], weights.at("skip1.projection.weight"),
                               weights.at("skip1.projection.bias"));
  check(torch::allclose(joined->forward(x), by_hand), "equal to the same skip by hand");
  train_step(joined, x);
}
