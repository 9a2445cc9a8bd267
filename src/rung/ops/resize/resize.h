#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

/// Resamples the spatial axes (2 to the end) of a map, torch.nn.functional.interpolate.
///   input  x [N, C, S…];  output [N, C, size…], or floor(S · scale) where size is empty
struct Resize {
  static constexpr std::string_view kName = "Resize";
  ResizeMode mode = ResizeMode::kNearest;
  Sizes size;                 ///< one per spatial axis, or empty
  std::vector<double> scale;  ///< one per spatial axis, or empty; exactly one of the two is given
  bool align_corners = false;
  static constexpr auto fields() {
    return std::make_tuple(field("mode", &Resize::mode), field("size", &Resize::size),
                           field("scale", &Resize::scale),
                           field("align_corners", &Resize::align_corners));
  }
  bool operator==(const Resize&) const = default;
};

/// Resamples axes of x to the run-time sizes of axes of another tensor; nothing happens where they
/// agree already.  inputs  x, like;  output  x with size(axes[i]) = like's size(like_axes[i])
/// At most three axes, of any position; roles of x are kept, or like's taken where x has none.
struct ResizeLike {
  static constexpr std::string_view kName = "ResizeLike";
  static constexpr size_t kReadsSizesOf = 1;
  Sizes axes;       ///< of x, ascending
  Sizes like_axes;  ///< of like, as many
  ResizeMode mode = ResizeMode::kNearest;
  bool align_corners = false;  ///< kLinear and kCubic only
  static constexpr auto fields() {
    return std::make_tuple(
        field("axes", &ResizeLike::axes), field("like_axes", &ResizeLike::like_axes),
        field("mode", &ResizeLike::mode), field("align_corners", &ResizeLike::align_corners));
  }
  bool operator==(const ResizeLike&) const = default;
};

/// What lies before the anchored part, of `spare` elements around it.
int64_t spare_before(Anchor anchor, int64_t spare);

/// Cuts axes of x down to another tensor's sizes. Throws where x is smaller.
///   inputs  x, like;  output  x with size(axes[i]) = like's size(like_axes[i])
struct CropLike {
  static constexpr std::string_view kName = "CropLike";
  static constexpr size_t kReadsSizesOf = 1;
  Sizes axes;
  Sizes like_axes;
  Anchor anchor = Anchor::kCenter;  ///< where the kept part lies; kCenter rounds down
  static constexpr auto fields() {
    return std::make_tuple(field("axes", &CropLike::axes), field("like_axes", &CropLike::like_axes),
                           field("anchor", &CropLike::anchor));
  }
  bool operator==(const CropLike&) const = default;
};

/// Fills axes of x with zeros up to another tensor's sizes. Throws where x is larger.
struct PadLike {
  static constexpr std::string_view kName = "PadLike";
  static constexpr size_t kReadsSizesOf = 1;
  Sizes axes;
  Sizes like_axes;
  Anchor anchor = Anchor::kCenter;  ///< where x lies in the result
  static constexpr auto fields() {
    return std::make_tuple(field("axes", &PadLike::axes), field("like_axes", &PadLike::like_axes),
                           field("anchor", &PadLike::anchor));
  }
  bool operator==(const PadLike&) const = default;
};

/// Lays a token sequence out as a map: [N, T, F] -> [N, F, h, w] with h·w = T. Where T equals
/// like's H·W, that is the grid; otherwise the divisors of T whose aspect is nearest to like's
/// (196 tokens beside a 28×28 map: 14×14; a prime T: 1×T, a line).
///   inputs  x (batch, time, feature), like [N, C, H, W];  output (batch, channel, space, space)
struct TokensToMap {
  static constexpr std::string_view kName = "TokensToMap";
  static constexpr auto fields() { return std::tuple<>(); }
  bool operator==(const TokensToMap&) const = default;
};
/// The grid {h, w} that TokensToMap chooses.
std::pair<int64_t, int64_t> token_grid(int64_t tokens, int64_t like_height, int64_t like_width);

std::vector<TensorType> infer(const Resize&, Types in);
std::vector<TensorType> infer(const ResizeLike&, Types in);
std::vector<TensorType> infer(const CropLike&, Types in);
std::vector<TensorType> infer(const PadLike&, Types in);
std::vector<TensorType> infer(const TokensToMap&, Types in);
int64_t macs(const Resize&, Types in, Types out);
int64_t macs(const ResizeLike&, Types in, Types out);
int64_t macs(const CropLike&, Types in, Types out);
int64_t macs(const PadLike&, Types in, Types out);
int64_t macs(const TokensToMap&, Types in, Types out);

}  // namespace rung::ops
