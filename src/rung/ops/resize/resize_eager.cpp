#include <algorithm>
#include <cmath>
#include <numeric>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/ops/eager_util.h"
#include "rung/ops/layout/pad_eager.h"

namespace rung::ops {
namespace {

using Factors = c10::optional<at::ArrayRef<double>>;

at::Tensor nearest(const at::Tensor& x, at::IntArrayRef size) {
  switch (x.dim() - 2) {
    case 1:
      return at::upsample_nearest1d(x, size);
    case 2:
      return at::upsample_nearest2d(x, size);
    case 3:
      return at::upsample_nearest3d(x, size);
    default:
      fail_user("a resize has 1 to 3 spatial axes, not {}", x.dim() - 2);
  }
}

/// floor(S · factor) for each spatial axis.
AxisSizes scaled(const at::Tensor& x, at::ArrayRef<double> factors) {
  AxisSizes size;
  for (size_t i = 0; i < factors.size(); ++i) {
    const auto extent = static_cast<double>(x.size(static_cast<int64_t>(i) + 2));
    size.push_back(static_cast<int64_t>(std::floor(extent * factors[i])));
  }
  return size;
}

/// LibTorch's own kernels by factor do not agree where an axis keeps its size, or doubles it, by a
/// factor that is not quite 1 or 2: the gradient is then of another function than the forward pass.
/// Here both are those of its forward pass on contiguous maps.
at::Tensor nearest(const at::Tensor& x, at::ArrayRef<double> factors) {
  const auto size = scaled(x, factors);
  const auto whole = [](double factor) { return factor == std::floor(factor); };
  if (std::all_of(factors.begin(), factors.end(), whole)) return nearest(x, at::IntArrayRef(size));
  const auto precision = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor y = x;
  for (size_t i = 0; i < factors.size(); ++i) {
    const auto axis = static_cast<int64_t>(i) + 2;
    const auto places = at::arange(size[i], x.options().dtype(precision));
    const auto index = (places * (1 / factors[i])).floor().clamp_max(x.size(axis) - 1);
    y = y.index_select(axis, index.to(at::kLong));
  }
  return y;
}

at::Tensor linear(const at::Tensor& x, at::OptionalIntArrayRef size, Factors scale, bool corners) {
  switch (x.dim() - 2) {
    case 1:
      return at::upsample_linear1d(x, size, corners, scale);
    case 2:
      return at::upsample_bilinear2d(x, size, corners, scale);
    case 3:
      return at::upsample_trilinear3d(x, size, corners, scale);
    default:
      fail_user("a resize has 1 to 3 spatial axes, not {}", x.dim() - 2);
  }
}

at::Tensor cubic(const at::Tensor& x, at::OptionalIntArrayRef size, Factors scale, bool corners) {
  if (x.dim() == 4) return at::upsample_bicubic2d(x, size, corners, scale);
  fail_user("a cubic resize has 2 spatial axes, not {}", x.dim() - 2);
}

at::Tensor area(const at::Tensor& x, at::IntArrayRef size) {
  switch (x.dim() - 2) {
    case 1:
      return at::adaptive_avg_pool1d(x, size);
    case 2:
      return at::adaptive_avg_pool2d(x, size);
    case 3:
      return at::adaptive_avg_pool3d(x, size);
    default:
      fail_user("a resize has 1 to 3 spatial axes, not {}", x.dim() - 2);
  }
}

/// Resamples axes 2 to the end of x.
at::Tensor interpolate(const at::Tensor& x, ResizeMode mode, at::OptionalIntArrayRef size,
                       Factors scale, bool corners) {
  switch (mode) {
    case ResizeMode::kNearest:
      return size ? nearest(x, *size) : nearest(x, *scale);
    case ResizeMode::kLinear:
      return linear(x, size, scale, corners);
    case ResizeMode::kCubic:
      return cubic(x, size, scale, corners);
    case ResizeMode::kArea:
      return area(x, size ? AxisSizes(size->begin(), size->end()) : scaled(x, *scale));
  }
  fail_bug("unknown resize mode");
}

/// The order that moves `axes` behind all others.
AxisSizes axes_last(const Sizes& axes, int64_t rank) {
  AxisSizes order;
  for (int64_t i = 0; i < rank; ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
  }
  order.append(axes.begin(), axes.end());
  return order;
}

AxisSizes inverse(const AxisSizes& order) {
  AxisSizes out(order.size());
  for (size_t i = 0; i < order.size(); ++i)
    out[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  return out;
}

/// Resamples any axes of x to `size`: they become the last ones of a map.
at::Tensor interpolate_axes(const at::Tensor& x, const Sizes& axes, const AxisSizes& size,
                            ResizeMode mode, bool corners) {
  const auto order = axes_last(axes, x.dim());
  const at::Tensor moved = x.permute(order);
  const auto others = moved.sizes().slice(0, order.size() - axes.size());
  AxisSizes map(others.begin(), others.end());
  if (others.size() != 2) {  // one sample for each place on the other axes
    const auto places =
        std::accumulate(others.begin(), others.end(), int64_t{1}, std::multiplies<>());
    map = {places, 1};
  }
  for (const int64_t axis : axes) map.push_back(x.size(axis));
  AxisSizes result(others.begin(), others.end());
  result.append(size.begin(), size.end());
  const at::Tensor resized = interpolate(moved.reshape(map), mode, size, c10::nullopt, corners);
  return resized.reshape(result).permute(inverse(order));
}

/// The sizes of like's axes, in the order of like_axes.
AxisSizes target_sizes(const Sizes& like_axes, const at::Tensor& like) {
  AxisSizes out;
  for (const int64_t axis : like_axes) out.push_back(like.size(axis));
  return out;
}

}  // namespace

Tensors run(const Resize& op, const Tensors& in, const RunContext&) {
  const auto size = op.size.empty() ? at::OptionalIntArrayRef() : at::OptionalIntArrayRef(op.size);
  const auto scale = op.size.empty() ? Factors(op.scale) : Factors();
  return {interpolate(in[0], op.mode, size, scale, op.align_corners)};
}

Tensors run(const ResizeLike& op, const Tensors& in, const RunContext&) {
  const auto size = target_sizes(op.like_axes, in[1]);
  if (target_sizes(op.axes, in[0]) == size) return {in[0]};
  return {interpolate_axes(in[0], op.axes, size, op.mode, op.align_corners)};
}

Tensors run(const CropLike& op, const Tensors& in, const RunContext&) {
  at::Tensor x = in[0];
  for (size_t i = 0; i < op.axes.size(); ++i) {
    const int64_t size = in[1].size(op.like_axes[i]);
    const int64_t spare = x.size(op.axes[i]) - size;
    if (spare < 0) {
      fail_user("axis {} has {} elements, fewer than the {} to keep", op.axes[i],
                x.size(op.axes[i]), size);
    }
    if (spare > 0) x = x.narrow(op.axes[i], spare_before(op.anchor, spare), size);
  }
  return {x};
}

Tensors run(const PadLike& op, const Tensors& in, const RunContext&) {
  const auto& x = in[0];
  AxisSizes begin(static_cast<size_t>(x.dim()), 0), end(static_cast<size_t>(x.dim()), 0);
  bool any = false;
  for (size_t i = 0; i < op.axes.size(); ++i) {
    const int64_t size = in[1].size(op.like_axes[i]);
    const int64_t spare = size - x.size(op.axes[i]);
    if (spare < 0) {
      fail_user("axis {} has {} elements, more than the {} to fill", op.axes[i], x.size(op.axes[i]),
                size);
    }
    const auto axis = static_cast<size_t>(op.axes[i]);
    begin[axis] = spare_before(op.anchor, spare);
    end[axis] = spare - begin[axis];
    any = any || spare > 0;
  }
  if (!any) return {x};
  return {pad(x, begin, end, PadMode::kZeros)};
}

Tensors run(const TokensToMap&, const Tensors& in, const RunContext&) {
  const auto& x = in[0];
  const auto [height, width] = token_grid(x.size(1), in[1].size(2), in[1].size(3));
  return {x.transpose(1, 2).reshape({x.size(0), x.size(2), height, width})};
}

}  // namespace rung::ops
