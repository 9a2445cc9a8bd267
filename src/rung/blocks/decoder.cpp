#include "rung/blocks/decoder.h"

#include <fmt/format.h>

#include <algorithm>

namespace rung::blocks {
namespace {

constexpr int64_t kLeastWidth = 16;

Value doubled(Builder& b, Value x, int64_t out, Upsample how) {
  if (how == Upsample::kTranspose) {
    return b.conv_transpose("upsample", x, {.out = out, .kernel = {2}, .stride = {2}});
  }
  return b.add("upsample", ops::Resize{.scale = {2, 2}}, {x});
}

}  // namespace

Model decoder(const DecoderOptions& options) {
  Builder b;
  Value x = image_input(b, "input", options.in, options.size);
  for (int64_t level = 0; level < options.levels; ++level) {
    const auto scope = b.scope(fmt::format("up{}", level + 1));
    const int64_t out = std::max(options.width >> level, std::min(options.width, kLeastWidth));
    x = b.conv("conv", doubled(b, x, out, options.upsample), kaiming_conv(out, 3));
    x = b.relu("relu", b.batch_norm("bn", x));
  }
  b.output("output", b.conv("head", x, {.out = options.classes, .kernel = {1}}));
  return std::move(b).finish();
}

}  // namespace rung::blocks
