#include "rung/blocks/conv.h"

#include <cmath>

namespace rung::blocks {

Value image_input(Builder& b, const std::string& name, int64_t channels, ImageSize size) {
  return b.input(name, {DType::kF32, {1, channels, size.height, size.width}, map_roles(4)});
}

ConvOptions kaiming_conv(int64_t out, int64_t kernel, int64_t stride) {
  const double fan_out = static_cast<double>(out * kernel * kernel);
  return {.out = out,
          .kernel = {kernel},
          .stride = {stride},
          .padding = {kernel / 2},
          .bias = false,
          .weight_init = ops::InitKind::kNormal,
          .weight_init_value = std::sqrt(2 / fan_out)};
}

Value double_conv(Builder& b, Value x, int64_t out) {
  x = b.conv("conv1", x, kaiming_conv(out, 3));
  x = b.batch_norm("bn1", x);
  x = b.relu("relu", x);
  x = b.conv("conv2", x, kaiming_conv(out, 3));
  x = b.batch_norm("bn2", x);
  return b.relu("relu_2", x);
}

}  // namespace rung::blocks
