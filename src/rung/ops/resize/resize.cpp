#include "rung/ops/resize/resize.h"

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

void check_mode(std::string_view op, ResizeMode mode, bool align_corners, size_t axes) {
  if (mode == ResizeMode::kCubic && axes != 2) {
    fail_user("{}: mode cubic works on two axes, not {}; use linear", op, axes);
  }
  if (align_corners && mode != ResizeMode::kLinear && mode != ResizeMode::kCubic) {
    fail_user("{}: align_corners goes with the modes linear and cubic only", op);
  }
}

int64_t scaled(int64_t size, double scale) {
  const double result = std::floor(static_cast<double>(size) * scale);
  // The negated comparison refuses NaN too.
  if (!(scale > 0) || !(result < 0x1p62)) {
    fail_user("Resize: scale {} of size {} is no size; it must be positive and finite", scale,
              size);
  }
  return static_cast<int64_t>(result);
}

}  // namespace

int64_t spare_before(Anchor anchor, int64_t spare) {
  switch (anchor) {
    case Anchor::kCenter:
      return spare / 2;
    case Anchor::kBegin:
      return 0;
    case Anchor::kEnd:
      return spare;
  }
  fail_bug("unknown anchor");
}

std::vector<TensorType> infer(const Resize& op, Types in) {
  check_inputs(Resize::kName, in, "x", 1);
  check_floating(Resize::kName, in);
  const TensorType& x = in[0];
  check_rank(Resize::kName, "x", x, "[N, C, S…]", 3, 5);
  check_not_empty(Resize::kName, "x", x, 1);
  const size_t axes = x.rank() - 2;
  check_mode(Resize::kName, op.mode, op.align_corners, axes);
  if (op.size.empty() == op.scale.empty()) fail_user("Resize: give either size or scale");
  if (op.size.empty()) {
    check_count(Resize::kName, "scale", op.scale.size(), axes);
  } else {
    check_count(Resize::kName, "size", op.size.size(), axes);
  }
  Shape shape = {x.shape[0], x.shape[1]};
  for (size_t i = 0; i < axes; ++i) {
    shape.push_back(op.size.empty() ? scaled(x.shape[i + 2], op.scale[i]) : op.size[i]);
    if (shape.back() < 1) {
      fail_user("Resize: axis {} of x {} would get size {}; it must be at least 1", i + 2,
                to_string(x), shape.back());
    }
  }
  return output(Resize::kName, x.dtype, std::move(shape), filled_map_roles(x));
}

namespace {

// Which size of `like` each axis of x meets.
struct AxisPair {
  size_t axis;
  int64_t size;  // of like
};

// x and like, and attributes axes and like_axes, as ResizeLike, CropLike and PadLike have them.
template <typename LikeOp>
std::vector<AxisPair> axis_pairs(const LikeOp& op, Types in) {
  check_inputs(LikeOp::kName, in, "x, like", 2);
  if (op.axes.size() != op.like_axes.size()) {
    fail_user("{}: axes {} and like_axes {} must be as many", LikeOp::kName, to_string(op.axes),
              to_string(op.like_axes));
  }
  const auto check_axis = [](std::string_view what, int64_t axis, const TensorType& type) {
    if (axis >= 0 && axis < static_cast<int64_t>(type.rank())) return;
    fail_user("{}: axis {} is none of the {} axes of {} {}", LikeOp::kName, axis, type.rank(), what,
              to_string(type));
  };
  std::vector<AxisPair> pairs;
  for (size_t i = 0; i < op.axes.size(); ++i) {
    check_axis("x", op.axes[i], in[0]);
    check_axis("like", op.like_axes[i], in[1]);
    if (i > 0 && op.axes[i] <= op.axes[i - 1]) {
      fail_user("{}: axes {} must ascend", LikeOp::kName, to_string(op.axes));
    }
    pairs.push_back({.axis = static_cast<size_t>(op.axes[i]),
                     .size = in[1].shape[static_cast<size_t>(op.like_axes[i])]});
  }
  return pairs;
}

std::vector<TensorType> with_sizes(std::string_view op, const TensorType& x,
                                   const std::vector<AxisPair>& pairs) {
  Shape shape = x.shape;
  for (const auto& [axis, size] : pairs) shape[axis] = size;
  return output(op, x.dtype, std::move(shape), x.roles);
}

}  // namespace

std::vector<TensorType> infer(const ResizeLike& op, Types in) {
  const std::vector<AxisPair> pairs = axis_pairs(op, in);
  const TensorType& x = in[0];
  check_floating(ResizeLike::kName, in.first(1));
  if (pairs.size() > 3) {
    fail_user("ResizeLike: resizes at most three axes, not {}", to_string(op.axes));
  }
  check_mode(ResizeLike::kName, op.mode, op.align_corners, pairs.size());
  for (const auto& [axis, size] : pairs) {
    if ((x.shape[axis] == 0) != (size == 0)) {
      fail_user("ResizeLike: axis {} of x {} cannot become {} like {}: one of the two is empty",
                axis, to_string(x), size, to_string(in[1]));
    }
  }
  std::vector<TensorType> out = with_sizes(ResizeLike::kName, x, pairs);
  for (size_t i = 0; i < pairs.size(); ++i) {  // what had no meaning has that of the size's owner
    Role& role = out[0].roles[pairs[i].axis];
    if (role == Role::kNone) role = in[1].roles[resolve_axis(op.like_axes[i], in[1].rank())];
  }
  return out;
}

std::vector<TensorType> infer(const CropLike& op, Types in) {
  const std::vector<AxisPair> pairs = axis_pairs(op, in);
  for (const auto& [axis, size] : pairs) {
    if (in[0].shape[axis] < size) {
      fail_user("CropLike: axis {} of x {} is smaller than the {} of like {}; pad or resize it",
                axis, to_string(in[0]), size, to_string(in[1]));
    }
  }
  return with_sizes(CropLike::kName, in[0], pairs);
}

std::vector<TensorType> infer(const PadLike& op, Types in) {
  const std::vector<AxisPair> pairs = axis_pairs(op, in);
  for (const auto& [axis, size] : pairs) {
    if (in[0].shape[axis] > size) {
      fail_user("PadLike: axis {} of x {} is larger than the {} of like {}; crop or resize it",
                axis, to_string(in[0]), size, to_string(in[1]));
    }
  }
  return with_sizes(PadLike::kName, in[0], pairs);
}

std::pair<int64_t, int64_t> token_grid(int64_t tokens, int64_t like_height, int64_t like_width) {
  // Divisors are found by trial, up to the square root.
  constexpr int64_t kMaxTokens = int64_t{1} << 40;
  if (tokens < 1 || tokens > kMaxTokens || like_height < 1 || like_width < 1) {
    fail_user("TokensToMap: cannot lay {} tokens out beside a map of {} x {}", tokens, like_height,
              like_width);
  }
  if (tokens % like_height == 0 && tokens / like_height == like_width) {
    return {like_height, like_width};
  }
  const auto log_aspect = [](int64_t height, int64_t width) {
    return std::log(static_cast<double>(height)) - std::log(static_cast<double>(width));
  };
  const double wanted = log_aspect(like_height, like_width);
  std::pair<int64_t, int64_t> best = {1, tokens};
  double best_distance = std::abs(log_aspect(1, tokens) - wanted);
  const auto consider = [&](int64_t height, int64_t width) {
    const double distance = std::abs(log_aspect(height, width) - wanted);
    if (distance >= best_distance) return;
    best = {height, width};
    best_distance = distance;
  };
  for (int64_t divisor = 1; divisor * divisor <= tokens; ++divisor) {
    if (tokens % divisor != 0) continue;
    consider(divisor, tokens / divisor);
    consider(tokens / divisor, divisor);
  }
  return best;
}

std::vector<TensorType> infer(const TokensToMap&, Types in) {
  check_inputs(TokensToMap::kName, in, "x, like", 2);
  check_rank(TokensToMap::kName, "x", in[0], "[N, T, F]", 3, 3);
  check_rank(TokensToMap::kName, "like", in[1], "[N, C, H, W]", 4, 4);
  const Shape& x = in[0].shape;
  const auto [height, width] = token_grid(x[1], in[1].shape[2], in[1].shape[3]);
  return output(TokensToMap::kName, in[0].dtype, {x[0], x[2], height, width}, map_roles(4));
}

int64_t macs(const Resize&, Types, Types) { return 0; }
int64_t macs(const ResizeLike&, Types, Types) { return 0; }
int64_t macs(const CropLike&, Types, Types) { return 0; }
int64_t macs(const PadLike&, Types, Types) { return 0; }
int64_t macs(const TokensToMap&, Types, Types) { return 0; }

}  // namespace rung::ops
