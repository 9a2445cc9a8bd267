#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/ops/eager_util.h"

namespace rung::ops {
namespace {
constexpr bool kCudnn = true;
}

Tensors run(const BatchNorm& op, const Tensors& in, const RunContext& context) {
  const bool batch_statistics = context.training || !op.track;
  const auto& x = in[0];
  if (batch_statistics && x.numel() == x.size(1)) {
    fail_user(
        "a batch norm in training needs more than one value per channel; "
        "use a larger batch, or eval()");
  }
  const size_t running = op.affine ? 3 : 1;
  const auto weight = op.affine ? optional_input(in, 1) : c10::nullopt;
  const auto bias = op.affine ? optional_input(in, 2) : c10::nullopt;
  const auto mean = op.track ? optional_input(in, running) : c10::nullopt;
  const auto variance = op.track ? optional_input(in, running + 1) : c10::nullopt;
  return {at::batch_norm(x, weight, bias, mean, variance, batch_statistics, op.momentum, op.eps,
                         kCudnn)};
}

Tensors run(const LayerNorm& op, const Tensors& in, const RunContext&) {
  const auto sizes = in[0].sizes();
  const auto axes = static_cast<size_t>(op.axes);
  return {at::layer_norm(in[0], sizes.slice(sizes.size() - axes), optional_input(in, 1),
                         optional_input(in, 2), op.eps, kCudnn)};
}

Tensors run(const GroupNorm& op, const Tensors& in, const RunContext&) {
  return {at::group_norm(in[0], op.groups, optional_input(in, 1), optional_input(in, 2), op.eps,
                         kCudnn)};
}

Tensors run(const InstanceNorm& op, const Tensors& in, const RunContext&) {
  constexpr bool kUseInputStatistics = true;
  constexpr double kUnusedMomentum = 0;
  return {at::instance_norm(in[0], optional_input(in, 1), optional_input(in, 2), c10::nullopt,
                            c10::nullopt, kUseInputStatistics, kUnusedMomentum, op.eps, kCudnn)};
}

}  // namespace rung::ops
