// A transformer on image patches joined to a convolutional decoder: its tokens become a map on the
// image's grid, and skips carry earlier tokens to the decoder's stages, whatever the image's size.
//
//   input ── patches ── layers.0 ── layers.1 ── layers.2 ── layers.3
//                          │                                   │ (wire)
//                          │           decoder:  input ── up1 ── up2 ── up3 ── head
//                          └───────────── tokens -> map ───┘

#include "check.h"
#include "rung/rung.h"

int main() {
  const rung::Model tokens =
      rung::zoo("token_transformer", {{"width", "96"}, {"patch", "8"}, {"size", "224"}});
  const rung::Model decoder =
      rung::zoo("decoder", {{"in", "96"}, {"levels", "3"}, {"width", "64"}});
  const auto plan = rung::join({tokens.named("tokens"), decoder.named("decoder")})
                        .wire("tokens/output", "decoder/input")
                        .skip({.from = "tokens/layers.0", .to = "decoder/up1", .merge = "concat"})
                        .skip({.from = "tokens/layers.1", .to = "decoder/up2", .merge = "add"})
                        .plan();
  std::cout << plan.explain();

  rung::Module net(plan.apply());
  for (const at::Tensor& image : {torch::randn({1, 3, 224, 224}), torch::randn({1, 3, 225, 319})}) {
    const torch::NoGradGuard no_grad;
    const at::Tensor mask = net->forward(image);
    // Whole patches only: 225 x 319 has 28 x 39 of them, each 8 x 8.
    check(mask.size(2) == image.size(2) / 8 * 8 && mask.size(3) == image.size(3) / 8 * 8,
          text(image) + " -> " + text(mask));
  }
  train_step(net, torch::randn({2, 3, 65, 97}));
}
