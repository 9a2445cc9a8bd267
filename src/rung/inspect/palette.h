#pragma once

#include <vector>

#include "rung/io/color.h"
#include "rung/tensor/tensor.h"

namespace rung {

/// A colour for each of `count` classes: black for the first one, a background as a rule, then ones
/// that differ, the first twelve of them easily.
std::vector<Color> class_colors(size_t count);

/// A map of class numbers [H, W], any type, as a picture u8 [3, H, W]; what is below 0, or beyond
/// the colours, is white.
Tensor colored(const Tensor& classes, const std::vector<Color>& colors);

}  // namespace rung
