#include "rung/blocks/resnet.h"

#include <array>

#include "rung/base/error.h"
#include "rung/blocks/residual.h"

namespace rung::blocks {
namespace {

struct Layout {
  int64_t depth;
  std::array<int64_t, 4> blocks;  ///< in layer1 … layer4
  Value (*block)(Builder&, Value, const ResidualOptions&);
};
constexpr std::array<Layout, 3> kLayouts = {{{18, {2, 2, 2, 2}, basic_block},
                                             {34, {3, 4, 6, 3}, basic_block},
                                             {50, {3, 4, 6, 3}, bottleneck}}};

const Layout& layout(int64_t depth) {
  for (const Layout& entry : kLayouts) {
    if (entry.depth == depth) return entry;
  }
  fail_user("there is no resnet{}; the depths are 18, 34 and 50", depth);
}

}  // namespace

Model resnet(const ResNetOptions& options) {
  const Layout& parts = layout(options.depth);
  Builder b;
  Value x = image_input(b, "input", options.in, options.size);
  x = b.conv("conv1", x, kaiming_conv(64, 7, 2));
  x = b.relu("relu", b.batch_norm("bn1", x));
  x = b.max_pool("maxpool", x, 3, 2, 1);
  for (size_t stage = 0; stage < parts.blocks.size(); ++stage) {
    const auto layer = b.scope(fmt::format("layer{}", stage + 1));
    for (int64_t i = 0; i < parts.blocks[stage]; ++i) {
      const auto scope = b.scope(std::to_string(i));
      const int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      x = parts.block(b, x, {.width = int64_t{64} << stage, .stride = stride});
    }
  }
  if (options.classes > 0) {
    x = b.flatten("flatten", b.adaptive_pool("avgpool", x, {1, 1}));
    x = b.linear("fc", x, options.classes);
  }
  b.output("output", x);
  return std::move(b).finish();
}

}  // namespace rung::blocks
