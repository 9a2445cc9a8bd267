#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

/// The factors of the call, one per spatial axis; empty where it has none.
std::vector<double> factors(AtenCall& call, size_t first, size_t axes) {
  std::vector<double> out;
  for (size_t i = first; i < call.size() && call.given(i); ++i) {
    const auto& value = call.value(i);
    if (value.isDoubleList()) return value.toDoubleVector();
    out.push_back(call.number(i));
  }
  return out.size() == axes ? out : std::vector<double>{};
}

/// Whole factors from the input's sizes to the result's that hold at every size, or empty.
std::vector<double> whole_factors(const Dims& from, const Dims& to) {
  std::vector<double> out;
  for (size_t i = 0; i < to.size(); ++i) {
    const int64_t factor = from[i].value() == 0 ? 0 : to[i].value() / from[i].value();
    if (factor < 1) return {};
    for (size_t k = 0; k < to[i].seen.size(); ++k) {
      if (to[i].seen[k] != factor * from[i].seen[k]) return {};
    }
    out.push_back(static_cast<double>(factor));
  }
  return out;
}

Dims spatial(const Dims& sizes) { return {sizes.begin() + 2, sizes.end()}; }

bool any_varies(const Dims& sizes) {
  for (const auto& size : sizes) {
    if (size.varies()) return true;
  }
  return false;
}

AtenResult resize(AtenCall& call, ResizeMode mode, bool corners, size_t first_factor) {
  const Ref x = call.tensor(0);
  const Dims from = spatial(call.sizes(0)), to = spatial(call.result_sizes());
  Resize op{.mode = mode, .align_corners = corners};
  op.scale = factors(call, first_factor, to.size());
  if (op.scale.empty() && any_varies(to)) op.scale = whole_factors(from, to);
  if (op.scale.empty() && any_varies(to)) {
    const auto like = call.find_like(to);
    if (!like) call.fix(to);
    Sizes axes;
    for (size_t i = 0; i < to.size(); ++i) axes.push_back(static_cast<int64_t>(i) + 2);
    return {{call.add(
        ResizeLike{.axes = axes, .like_axes = like->axes, .mode = mode, .align_corners = corners},
        {x, like->tensor})}};
  }
  if (op.scale.empty()) {
    for (const auto& size : to) op.size.push_back(size.value());
  }
  return {{call.add(op, {x})}};
}

// input, size, factors…
AtenResult nearest(AtenCall& call) { return resize(call, ResizeMode::kNearest, false, 2); }

// input, size, align_corners, factors…
template <ResizeMode Mode>
AtenResult smooth(AtenCall& call) {
  return resize(call, Mode, call.flag(2), 3);
}

constexpr AtenEntry kResizeRules[] = {
    {"aten::upsample_nearest1d", nearest},
    {"aten::upsample_nearest2d", nearest},
    {"aten::upsample_nearest3d", nearest},
    {"aten::upsample_linear1d", smooth<ResizeMode::kLinear>},
    {"aten::upsample_bilinear2d", smooth<ResizeMode::kLinear>},
    {"aten::upsample_trilinear3d", smooth<ResizeMode::kLinear>},
    {"aten::upsample_bicubic2d", smooth<ResizeMode::kCubic>},
};

}  // namespace

AtenRules resize_rules() { return kResizeRules; }

}  // namespace rung::ops
