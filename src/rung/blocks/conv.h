#pragma once

#include "rung/graph/builder.h"

namespace rung::blocks {

/// Height and width that a network is planned at; it runs at others too.
struct ImageSize {
  int64_t height = 224;
  int64_t width = 224;
};

/// The input of an image network, named `name`: f32[1, channels, height, width].
Value image_input(Builder& b, const std::string& name, int64_t channels, ImageSize size);

/// An odd kernel × kernel convolution whose padding keeps the size (stride 1) or halves it upwards
/// (stride 2), without bias, drawn as torchvision draws its ResNets:
/// kaiming_normal_(mode="fan_out", nonlinearity="relu").
ConvOptions kaiming_conv(int64_t out, int64_t kernel, int64_t stride = 1);

/// conv1, bn1, relu, conv2, bn2, relu_2: twice a 3×3 convolution that keeps the size, as in a
/// U-Net.  [N, C, H, W] -> [N, out, H, W]
Value double_conv(Builder& b, Value x, int64_t out);

}  // namespace rung::blocks
