#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

bool has_batch(AtenCall& call, size_t axes) { return call.type(call.tensor(0)).rank() == axes + 2; }

template <size_t Axes>
AtenResult pool(AtenCall& call, Pool op) {
  if (!has_batch(call, Axes) || (call.results() > 1 && call.used(1))) return std::nullopt;
  const Ref y = call.add(std::move(op), {call.tensor(0)});
  return std::vector<Ref>(call.results(), y);
}

// input, kernel, stride, padding, dilation, ceil_mode
template <size_t Axes>
AtenResult max_pool(AtenCall& call) {
  return pool<Axes>(call, {.kind = PoolKind::kMax,
                           .kernel = call.integers(1),
                           .stride = call.integers(2),
                           .padding = call.integers(3),
                           .dilation = call.integers(4),
                           .ceil_mode = call.flag(5)});
}

/// The window is the whole map, at every size.
bool is_global(const Dims& kernel, const Dims& x) {
  bool varies = false;
  for (size_t i = 0; i < kernel.size(); ++i) {
    if (kernel[i].seen != x[i + 2].seen) return false;
    varies = varies || kernel[i].varies();
  }
  return varies;
}

// input, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
template <size_t Axes>
AtenResult average_pool(AtenCall& call) {
  if (!has_batch(call, Axes) || (call.size() > 6 && call.given(6))) return std::nullopt;
  const Dims kernel = call.dims(1);
  if (kernel.size() == Axes && is_global(kernel, call.sizes(0))) {
    return {{call.add(AdaptivePool{.size = Sizes(Axes, 1)}, {call.tensor(0)})}};
  }
  return pool<Axes>(call, {.kind = PoolKind::kAverage,
                           .kernel = call.integers(1),
                           .stride = call.integers(2),
                           .padding = call.integers(3),
                           .ceil_mode = call.flag(4),
                           .count_include_pad = call.flag(5)});
}

// input, size
template <PoolKind Kind, size_t Axes>
AtenResult adaptive_pool(AtenCall& call) {
  if (!has_batch(call, Axes) || (call.results() > 1 && call.used(1))) return std::nullopt;
  const Dims size = call.dims(1), x = call.sizes(0);
  AdaptivePool op{.kind = Kind};
  for (size_t i = 0; i < size.size(); ++i) {
    const bool keeps = size[i].varies() && size[i].seen == x[i + 2].seen;
    if (size[i].varies() && !keeps) call.fix({size[i]});
    op.size.push_back(keeps ? 0 : size[i].value());
  }
  const Ref y = call.add(std::move(op), {call.tensor(0)});
  return std::vector<Ref>(call.results(), y);
}

constexpr AtenEntry kPoolRules[] = {
    {"aten::max_pool1d", max_pool<1>},
    {"aten::max_pool2d", max_pool<2>},
    {"aten::max_pool3d", max_pool<3>},
    {"aten::max_pool1d_with_indices", max_pool<1>},
    {"aten::max_pool2d_with_indices", max_pool<2>},
    {"aten::max_pool3d_with_indices", max_pool<3>},
    {"aten::avg_pool1d", average_pool<1>},
    {"aten::avg_pool2d", average_pool<2>},
    {"aten::avg_pool3d", average_pool<3>},
    {"aten::adaptive_avg_pool1d", adaptive_pool<PoolKind::kAverage, 1>},
    {"aten::adaptive_avg_pool2d", adaptive_pool<PoolKind::kAverage, 2>},
    {"aten::adaptive_avg_pool3d", adaptive_pool<PoolKind::kAverage, 3>},
    {"aten::_adaptive_avg_pool2d", adaptive_pool<PoolKind::kAverage, 2>},
    {"aten::_adaptive_avg_pool3d", adaptive_pool<PoolKind::kAverage, 3>},
    {"aten::adaptive_max_pool1d", adaptive_pool<PoolKind::kMax, 1>},
    {"aten::adaptive_max_pool2d", adaptive_pool<PoolKind::kMax, 2>},
    {"aten::adaptive_max_pool3d", adaptive_pool<PoolKind::kMax, 3>},
};

}  // namespace

AtenRules pool_rules() { return kPoolRules; }

}  // namespace rung::ops
