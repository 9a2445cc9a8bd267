#pragma once

#include <cstdint>
#include <string>

#include "rung/tensor/tensor.h"
#include "rung/tensor/tensor_type.h"

namespace rung::cli {

/// What the user gives an input, as text:
///   randn:1,3,224,224   numbers from a standard normal distribution; zeros: and ones: likewise.
///                       Without a shape, the one that the network was planned at
///   x.npy               a NumPy array
///   x.safetensors       its tensor named as the input, or its only one; x.safetensors:NAME another
///   photo.png, .jpg     a picture as f32[1, C, H, W], or [1, H, W, C] where the input is one, 0 to
///                       1, with the channels of the input
/// `name` and `declared` are the input's; numbers drawn depend on `seed` and `name` alone. Types of
/// one kind (floating, whole) are converted to the declared one.
/// Throws a user error that shows the form, or says what does not fit.
Tensor read_input(const std::string& text, const std::string& name, const TensorType& declared,
                  uint64_t seed);

}  // namespace rung::cli
