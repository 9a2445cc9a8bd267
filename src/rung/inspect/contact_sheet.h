#pragma once

#include <span>
#include <vector>

#include "rung/tensor/tensor.h"

namespace rung {

/// Images in rows and columns as one picture, u8 [3, H, W], on light grey. `rows` hold u8 images
/// [C, H, W] or [H, W], C = 1 or 3, of any sizes: a column is as wide as its widest image, a row as
/// high as its highest, and each image stands in the upper left of its cell; an undefined tensor
/// leaves its cell empty. Throws a user error for other types and shapes, or where there is nothing
/// to show.
Tensor contact_sheet(std::span<const std::vector<Tensor>> rows, int64_t gap = 4);

}  // namespace rung
