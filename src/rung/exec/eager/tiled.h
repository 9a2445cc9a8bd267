#pragma once

#include <ATen/ATen.h>

#include <functional>

namespace rung {

/// How a large picture is cut: into tiles of `size` pixels a side whose neighbours share `overlap`.
struct Tiling {
  int64_t size = 1024;
  int64_t overlap = 128;
  int64_t step = 32;  ///< tiles begin at multiples of it, as the network's strides count
};

/// A picture f32 [1, C, H, W] to a map [1, K, H, W] of the same size.
using MapPicture = std::function<at::Tensor(const at::Tensor&)>;
/// Takes the finished rows from `first` on, f32 [K, rows, W], from top to bottom.
using TakeRows = std::function<void(int64_t first, const at::Tensor& rows)>;

/// Runs a network over a picture u8 [C, H, W] tile by tile; numbers become 0 to 1. The outer
/// quarter of what two tiles share counts for neither's neighbour, and in between the two are
/// blended, so the result is that of the whole picture where a pixel depends on nothing beyond
/// overlap / 4. Memory is that of one row of tiles. Throws a user error: sizes below 1, an overlap
/// of half a tile or more, a map of another size than the tile.
void run_tiled(const MapPicture& net, const at::Tensor& picture, const Tiling& tiling,
               const TakeRows& take);

}  // namespace rung
