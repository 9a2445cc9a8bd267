// Two ResNets side by side on one input, with skips from the first into the second that start at
// zero: before training the second computes exactly, bit for bit, what it did alone.
//
//   input ─┬─ a: conv1 … layer1 ── layer2 ── layer3 ── layer4
//          │                │        │
//          └─ b: conv1 … layer1 ── layer2 ── layer3 ── layer4 ── fc

#include "check.h"
#include "rung/rung.h"

int main() {
  rung::Model a = rung::zoo("resnet18_encoder"), b = rung::zoo("resnet18", {{"classes", "10"}});
  rung::draw_missing(a, /*seed=*/1);
  rung::draw_missing(b, /*seed=*/2);

  const auto plan =
      rung::join({a.named("a"), b.named("b")})
          .wire("a/input", "b/input")
          .skip({.from = "a/layer1", .to = "b/layer1", .start = rung::Start::kIdentity})
          .skip({.from = "a/layer2",
                 .to = "b/layer2",
                 .merge = "concat",
                 .start = rung::Start::kIdentity})
          .keep({"b/output"})
          .plan();
  std::cout << plan.explain();

  rung::Module alone(b), joined(plan.apply());
  for (const at::Tensor& image : {torch::randn({2, 3, 224, 224}), torch::randn({2, 3, 225, 319})}) {
    alone->eval();
    joined->eval();
    check(torch::equal(joined->forward(image), alone->forward(image)),
          "bit-equal to the original before training, at " + text(image));
  }
  const at::Tensor image = torch::randn({2, 3, 65, 97});
  joined->train();
  train_step(joined, image);
  joined->eval();
  check(!torch::equal(joined->forward(image), alone->forward(image)), "trained, it differs");
}
