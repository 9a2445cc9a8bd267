// Random cases of the ops on maps: convolutions, norms, pools, resizes.
#include <algorithm>

#include "rung/ops/eager_cases.h"

namespace rung::ops {
namespace {

/// None, one for all axes, or one per axis.
Sizes some_sizes(Rng& rng, size_t axes, int64_t low, int64_t high) {
  if (chance(rng, 0.3)) return {};
  return sizes(rng, chance(rng, 0.3) ? 1 : axes, low, high);
}

int64_t of_axis(const Sizes& sizes, size_t axis, int64_t fallback) {
  if (sizes.empty()) return fallback;
  return sizes.size() == 1 ? sizes[0] : sizes[axis];
}

/// Two axes lists of x and like, ascending in x.
template <typename T>
void choose_axes(Rng& rng, T& op, size_t count, size_t x_rank, size_t like_rank) {
  for (size_t axis = 0; axis < x_rank && op.axes.size() < count; ++axis) {
    const size_t left = x_rank - axis;
    const size_t missing = count - op.axes.size();
    if (missing < left && chance(rng, 0.5)) continue;
    op.axes.push_back(static_cast<int64_t>(axis));
    op.like_axes.push_back(rng.integer(0, static_cast<int64_t>(like_rank) - 1));
  }
}

/// x and like, with x's chosen axes larger (sign +1) or smaller (sign -1) than like's.
template <typename T>
Case fitted_case(Rng& rng, T op, int sign) {
  Shape x = sizes(rng, static_cast<size_t>(rng.integer(1, 5)), 1, 4);
  const Shape like = sizes(rng, static_cast<size_t>(rng.integer(1, 4)), 3, 5);
  choose_axes(rng, op, static_cast<size_t>(rng.integer(1, static_cast<int64_t>(x.size()))),
              x.size(), like.size());
  for (size_t i = 0; i < op.axes.size(); ++i) {
    const int64_t target = like[static_cast<size_t>(op.like_axes[i])];
    x[static_cast<size_t>(op.axes[i])] = target + sign * rng.integer(0, 2);
  }
  op.anchor = pick_enum<Anchor>(rng);
  CaseInput other = floats(like);
  other.trainable = false;  // only its sizes are read
  return {.op = op, .inputs = {floats(x), other}};
}

CaseInput buffer(CaseInput input) {
  input.trainable = false;
  return input;
}

}  // namespace

Case random_case(For<Conv>, Rng& rng) {
  const auto axes = static_cast<size_t>(rng.integer(1, 3));
  Conv op;
  op.groups = rng.integer(1, 2);
  op.stride = some_sizes(rng, axes, 1, 2);
  op.dilation = some_sizes(rng, axes, 1, 2);
  op.padding = chance(rng, 0.3) ? sizes(rng, 2 * axes, 0, 2) : some_sizes(rng, axes, 0, 2);
  op.pad_mode = pick_enum<PadMode>(rng);
  const int64_t out = op.groups * rng.integer(1, 2);
  const int64_t in = rng.integer(1, 2);
  Shape x = {rng.integer(1, 2), op.groups * in};
  Shape weight = {out, in};
  for (size_t i = 0; i < axes; ++i) {
    x.push_back(rng.integer(5, 6));
    weight.push_back(rng.integer(1, 3));
  }
  Case result{.op = op, .inputs = {floats(x), floats(weight)}};
  if (chance(rng, 0.5)) result.inputs.push_back(floats({out}));
  return result;
}

Case random_case(For<ConvTranspose>, Rng& rng) {
  const auto axes = static_cast<size_t>(rng.integer(1, 3));
  ConvTranspose op;
  op.groups = rng.integer(1, 2);
  op.stride = some_sizes(rng, axes, 1, 3);
  op.dilation = some_sizes(rng, axes, 1, 2);
  op.padding = chance(rng, 0.3) ? sizes(rng, 2 * axes, 0, 1) : some_sizes(rng, axes, 0, 1);
  for (size_t i = 0; i < axes; ++i) {
    const int64_t most = std::max(of_axis(op.stride, i, 1), of_axis(op.dilation, i, 1)) - 1;
    op.output_padding.push_back(rng.integer(0, most));
  }
  const int64_t out = rng.integer(1, 2);
  const int64_t in = op.groups * rng.integer(1, 2);
  Shape x = {rng.integer(1, 2), in};
  Shape weight = {in, out};
  for (size_t i = 0; i < axes; ++i) {
    x.push_back(rng.integer(3, 4));
    weight.push_back(rng.integer(1, 3));
  }
  Case result{.op = op, .inputs = {floats(x), floats(weight)}};
  if (chance(rng, 0.5)) result.inputs.push_back(floats({out * op.groups}));
  return result;
}

Case random_case(For<BatchNorm>, Rng& rng) {
  BatchNorm op{.eps = rng.uniform(1e-5, 1e-1), .momentum = rng.uniform(0, 1)};
  op.affine = chance(rng, 0.7);
  op.track = chance(rng, 0.7);
  const Shape x = map_shape(rng, static_cast<size_t>(rng.integer(0, 3)), 2, 4);
  Case result{.inputs = {floats(x)}, .training = chance(rng, 0.5)};
  if (x.size() == 2) result.inputs[0].type.shape[0] += 1;  // more than one value per channel
  const Shape channels = {x[1]};
  if (op.affine) {
    result.inputs.insert(result.inputs.end(), {floats(channels), floats(channels)});
  }
  if (op.track) {
    result.inputs.push_back(buffer(floats(channels)));
    result.inputs.push_back(buffer(floats(channels, Draw::kPositive)));
  }
  result.op = op;
  return result;
}

Case random_case(For<LayerNorm>, Rng& rng) {
  Shape x = sizes(rng, static_cast<size_t>(rng.integer(1, 4)), 2, 4);
  LayerNorm op{.axes = rng.integer(1, static_cast<int64_t>(x.size())),
               .eps = rng.uniform(1e-5, 1e-1),
               .affine = chance(rng, 0.7)};
  const Shape normalized(x.end() - op.axes, x.end());
  Case result{.op = op, .inputs = {floats(x)}};
  if (op.affine) {
    result.inputs.insert(result.inputs.end(), {floats(normalized), floats(normalized)});
  }
  return result;
}

Case random_case(For<GroupNorm>, Rng& rng) {
  GroupNorm op{
      .groups = rng.integer(1, 3), .eps = rng.uniform(1e-5, 1e-1), .affine = chance(rng, 0.7)};
  Shape x = map_shape(rng, static_cast<size_t>(rng.integer(0, 3)), 2, 4);
  x[1] = op.groups * rng.integer(2, 3);
  Case result{.op = op, .inputs = {floats(x)}};
  if (op.affine) result.inputs.insert(result.inputs.end(), {floats({x[1]}), floats({x[1]})});
  return result;
}

Case random_case(For<InstanceNorm>, Rng& rng) {
  InstanceNorm op{.eps = rng.uniform(1e-5, 1e-1), .affine = chance(rng, 0.7)};
  const Shape x = map_shape(rng, static_cast<size_t>(rng.integer(1, 3)), 2, 4);
  Case result{.op = op, .inputs = {floats(x)}};
  if (op.affine) result.inputs.insert(result.inputs.end(), {floats({x[1]}), floats({x[1]})});
  return result;
}

Case random_case(For<Pool>, Rng& rng) {
  const auto axes = static_cast<size_t>(rng.integer(1, 3));
  Pool op;
  op.kind = pick_enum<PoolKind>(rng);
  op.kernel = sizes(rng, chance(rng, 0.3) ? 1 : axes, 1, 3);
  op.stride = some_sizes(rng, axes, 1, 3);
  if (chance(rng, 0.5)) {
    for (size_t i = 0; i < axes; ++i) {
      op.padding.push_back(rng.integer(0, of_axis(op.kernel, i, 1) / 2));
    }
  }
  if (op.kind == PoolKind::kMax) op.dilation = some_sizes(rng, axes, 1, 2);
  op.ceil_mode = chance(rng, 0.5);
  op.count_include_pad = chance(rng, 0.5);
  return {.op = op, .inputs = {floats(map_shape(rng, axes, 5, 7), Draw::kSpread)}};
}

Case random_case(For<AdaptivePool>, Rng& rng) {
  const auto axes = static_cast<size_t>(rng.integer(1, 3));
  AdaptivePool op{.kind = pick_enum<PoolKind>(rng), .size = sizes(rng, axes, 0, 7)};
  return {.op = op, .inputs = {floats(map_shape(rng, axes, 1, 6), Draw::kSpread)}};
}

Case random_case(For<Resize>, Rng& rng) {
  Resize op;
  op.mode = pick_enum<ResizeMode>(rng);
  const bool cubic = op.mode == ResizeMode::kCubic;
  const size_t axes = cubic ? 2 : static_cast<size_t>(rng.integer(1, 3));
  if (chance(rng, 0.5)) {
    op.size = sizes(rng, axes, 1, 9);
  } else {
    for (size_t i = 0; i < axes; ++i) op.scale.push_back(rng.uniform(0.5, 2.5));
  }
  op.align_corners = (cubic || op.mode == ResizeMode::kLinear) && chance(rng, 0.5);
  return {.op = op, .inputs = {floats(map_shape(rng, axes, 2, 5))}};
}

Case random_case(For<ResizeLike>, Rng& rng) {
  ResizeLike op{.mode = pick_enum<ResizeMode>(rng)};
  const bool cubic = op.mode == ResizeMode::kCubic;
  op.align_corners = (cubic || op.mode == ResizeMode::kLinear) && chance(rng, 0.5);
  const Shape x = sizes(rng, static_cast<size_t>(rng.integer(2, 5)), 1, 5);
  const auto most = std::min<int64_t>(3, static_cast<int64_t>(x.size()));
  const Shape like = sizes(rng, static_cast<size_t>(rng.integer(1, 4)), 1, 6);
  choose_axes(rng, op, cubic ? 2 : static_cast<size_t>(rng.integer(0, most)), x.size(),
              like.size());
  return {.op = op, .inputs = {floats(x), buffer(floats(like))}};
}

Case random_case(For<CropLike>, Rng& rng) { return fitted_case(rng, CropLike{}, +1); }
Case random_case(For<PadLike>, Rng& rng) { return fitted_case(rng, PadLike{}, -1); }

Case random_case(For<TokensToMap>, Rng& rng) {
  const Shape like = {2, 1, rng.integer(1, 6), rng.integer(1, 6)};
  const int64_t tokens = chance(rng, 0.5) ? like[2] * like[3] : rng.integer(1, 24);
  return {.op = TokensToMap{}, .inputs = {floats({2, tokens, 3}), buffer(floats(like))}};
}

}  // namespace rung::ops
