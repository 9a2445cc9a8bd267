#include "rung/blocks/residual.h"

#include "rung/blocks/conv.h"

namespace rung::blocks {
namespace {

Value shortcut(Builder& b, Value x, int64_t out, int64_t stride) {
  if (stride == 1 && b.type(x).shape.at(1) == out) return x;
  const auto scope = b.scope("downsample");
  return b.batch_norm("1", b.conv("0", x, kaiming_conv(out, 1, stride)));
}

}  // namespace

Value basic_block(Builder& b, Value x, const ResidualOptions& options) {
  Value y = b.conv("conv1", x, kaiming_conv(options.width, 3, options.stride));
  y = b.relu("relu", b.batch_norm("bn1", y));
  y = b.conv("conv2", y, kaiming_conv(options.width, 3));
  y = b.batch_norm("bn2", y);
  return b.relu("relu_2", b.sum("add", y, shortcut(b, x, options.width, options.stride)));
}

Value bottleneck(Builder& b, Value x, const ResidualOptions& options) {
  const int64_t out = 4 * options.width;
  Value y = b.conv("conv1", x, kaiming_conv(options.width, 1));
  y = b.relu("relu", b.batch_norm("bn1", y));
  y = b.conv("conv2", y, kaiming_conv(options.width, 3, options.stride));
  y = b.relu("relu_2", b.batch_norm("bn2", y));
  y = b.conv("conv3", y, kaiming_conv(out, 1));
  y = b.batch_norm("bn3", y);
  return b.relu("relu_3", b.sum("add", y, shortcut(b, x, out, options.stride)));
}

}  // namespace rung::blocks
