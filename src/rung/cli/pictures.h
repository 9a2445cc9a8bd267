#pragma once

#include <string>

#include "rung/tensor/tensor.h"

namespace rung::cli {

/// f32[1, C, H, W] as [1, H, W, C], and back.
Tensor with_channels_last(const Tensor& picture);
Tensor with_channels_first(const Tensor& picture);

/// Throws a user error where a file that an option names has another ending than `ending`, or
/// cannot be written.
void check_picture_file(const char* option, const std::string& file, const std::string& ending);

}  // namespace rung::cli
