#include "rung/exec/eager/tiled.h"

#include <torch/torch.h>

#include "rung/base/expect_error.h"
#include "rung/base/rng.h"
#include "rung/blocks/zoo.h"
#include "rung/exec/eager/module.h"

namespace rung {
namespace {

at::Tensor tiled(const MapPicture& net, const at::Tensor& picture, const Tiling& tiling) {
  at::Tensor out;
  int64_t next = 0;
  run_tiled(net, picture, tiling, [&](int64_t first, const at::Tensor& rows) {
    EXPECT_EQ(first, next);
    next += rows.size(1);
    out = out.defined() ? at::cat({out, rows}, 1) : rows.clone();
  });
  EXPECT_EQ(next, picture.size(1));
  return out;
}

TEST(Tiled, IsTheWholeWhereThePixelsAroundAreSeen) {
  torch::manual_seed(1);
  const at::Tensor kernel = torch::randn({2, 3, 17, 17}) / 30;
  const auto net = [&](const at::Tensor& x) { return at::conv2d(x, kernel, {}, 1, 8); };
  for (const auto& [h, w] : {std::pair(100, 131), {64, 64}, {40, 200}, {97, 65}}) {
    const at::Tensor picture = torch::randint(0, 256, {3, h, w}, at::kByte);
    const at::Tensor whole = net(picture.to(at::kFloat).div(255).unsqueeze(0))[0];
    const at::Tensor parts = tiled(net, picture, {.size = 64, .overlap = 32, .step = 4});
    ASSERT_EQ(parts.sizes(), whole.sizes());
    EXPECT_LT((parts - whole).abs().max().item<float>(), 1e-5) << h << " x " << w;
  }
}

TEST(Tiled, FollowsTheStridesOfANetwork) {
  Module net(zoo("unet", {{"base", "4"}, {"levels", "1"}, {"in", "1"}}), ModuleOptions{.seed = 2});
  net->eval();
  const torch::NoGradGuard no_grad;
  const auto run = [&](const at::Tensor& x) { return net->forward(x); };
  const at::Tensor picture = torch::randint(0, 256, {1, 150, 210}, at::kByte);
  const at::Tensor whole = run(picture.to(at::kFloat).div(255).unsqueeze(0))[0];
  const at::Tensor parts = tiled(run, picture, {.size = 128, .overlap = 64, .step = 4});
  EXPECT_LT((parts - whole).abs().max().item<float>(), 1e-4 * whole.abs().max().item<float>());
}

TEST(Tiled, WeightsAddUpToOneForAnyTiles) {
  Rng rng(8);
  for (int i = 0; i < 200; ++i) {
    const int64_t step = rng.integer(1, 9), overlap = rng.integer(0, 30);
    const int64_t size = 2 * overlap + step + rng.integer(0, 40);
    const at::Tensor picture =
        at::full({1, rng.integer(1, 150), rng.integer(1, 150)}, 255, at::kByte);
    const at::Tensor parts = tiled([](const at::Tensor& x) { return x; }, picture,
                                   {.size = size, .overlap = overlap, .step = step});
    EXPECT_LT((parts - 1).abs().max().item<float>(), 1e-6)
        << "size " << size << " overlap " << overlap << " step " << step;
  }
}

TEST(Tiled, SaysWhatCannotBeCut) {
  const at::Tensor picture = at::zeros({1, 8, 8}, at::kByte);
  const auto message = [&](const MapPicture& net, const Tiling& tiling) {
    return user_error([&] { run_tiled(net, picture, tiling, [](int64_t, const at::Tensor&) {}); });
  };
  const auto same = [](const at::Tensor& x) { return x; };
  EXPECT_NE(message(same, {.size = 8, .overlap = 5, .step = 1}).find("move by 3"),
            std::string::npos);
  EXPECT_NE(message(same, {.size = 8, .overlap = 4}).find("move by 0"), std::string::npos);
  EXPECT_NE(message([](const at::Tensor& x) { return at::avg_pool2d(x, 2); },
                    {.size = 8, .overlap = 0, .step = 8})
                .find("tiles need a map of the picture's size"),
            std::string::npos);
}

}  // namespace
}  // namespace rung
