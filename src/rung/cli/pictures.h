#pragma once

#include "rung/tensor/tensor.h"

namespace rung::cli {

/// f32[1, C, H, W] as [1, H, W, C], and back.
Tensor with_channels_last(const Tensor& picture);
Tensor with_channels_first(const Tensor& picture);

}  // namespace rung::cli
