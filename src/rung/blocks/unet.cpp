#include "rung/blocks/unet.h"

#include <fmt/format.h>

#include "rung/blocks/encoder.h"

namespace rung::blocks {

Model unet(const UNetOptions& options) {
  Builder b;
  const Value image = image_input(b, "input", options.in, options.size);
  const std::vector<Value> stages = encoder_stages(b, image, options.base, options.levels + 1);
  Value x = stages.back();
  for (int64_t level = options.levels; level > 0; --level) {
    const auto scope = b.scope(fmt::format("up{}", level));
    const Value skip = stages.at(static_cast<size_t>(level - 1));
    x = b.add("upsample", ops::ResizeLike{.axes = {2, 3}, .like_axes = {2, 3}}, {x, skip});
    x = double_conv(b, b.concat("concat", {skip, x}), options.base << (level - 1));
  }
  b.output("output", b.conv("head", x, {.out = options.classes, .kernel = {1}}));
  return std::move(b).finish();
}

}  // namespace rung::blocks
