// FiLM: a map becomes a vector that scales and shifts the channels of another network's map, and a
// map joins a vector (its mean over space, projected). One image feeds both networks.
//
//   input ─┬─ small: stage1 ── stage2 ── stage3
//          │                       │        └──────────────┐ add, into a vector
//          └─ large: … layer1 ── layer2 ── … ── avgpool ── flatten ── fc
//                                  └ film: t · (1 + γ) + β

#include "check.h"
#include "rung/rung.h"

int main() {
  const rung::Model small = rung::zoo("encoder", {{"base", "8"}, {"stages", "3"}, {"size", "224"}});
  rung::Model large = rung::zoo("resnet18", {{"classes", "10"}});
  rung::draw_missing(large, /*seed=*/4);
  const auto join = [&](rung::Start start) {
    return rung::join({small.named("small"), large.named("large")})
        .wire("small/input", "large/input")
        .skip({.from = "small/stage2", .to = "large/layer2", .merge = "film", .start = start})
        .skip({.from = "small/stage3", .to = "large/flatten", .start = start})
        .keep({"large/output"})
        .plan();
  };
  const auto plan = join(rung::Start::kRandom);
  std::cout << plan.explain();
  rung::Module net(plan.apply());
  for (const at::Tensor& image : {torch::randn({2, 3, 224, 224}), torch::randn({2, 3, 225, 319})}) {
    const torch::NoGradGuard no_grad;
    check(text(net->forward(image)) == "[2, 10]", text(image) + " -> [2, 10]");
  }
  train_step(net, torch::randn({2, 3, 65, 97}));

  rung::Module alone(large), identity(join(rung::Start::kIdentity).apply());
  alone->eval();
  identity->eval();
  const at::Tensor image = torch::randn({1, 3, 225, 319});
  check(torch::equal(identity->forward(image), alone->forward(image)),
        "started as identity, it is the original");
}
