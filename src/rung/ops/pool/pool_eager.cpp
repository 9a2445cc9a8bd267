#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/ops/eager_util.h"

namespace rung::ops {
namespace {

at::Tensor max_pool(const Pool& op, const at::Tensor& x, const AxisSizes& stride,
                    const AxisSizes& padding) {
  const auto dilation = per_axis(op.dilation, x.dim() - 2, 1);
  switch (x.dim() - 2) {
    case 1:
      return at::max_pool1d(x, op.kernel, stride, padding, dilation, op.ceil_mode);
    case 2:
      return at::max_pool2d(x, op.kernel, stride, padding, dilation, op.ceil_mode);
    case 3:
      return at::max_pool3d(x, op.kernel, stride, padding, dilation, op.ceil_mode);
    default:
      fail_user("a pool has 1 to 3 spatial axes, not {}", x.dim() - 2);
  }
}

at::Tensor average_pool(const Pool& op, const at::Tensor& x, const AxisSizes& stride,
                        const AxisSizes& padding) {
  const bool ceil = op.ceil_mode;
  const bool pad = op.count_include_pad;
  switch (x.dim() - 2) {
    case 1:
      return at::avg_pool1d(x, op.kernel, stride, padding, ceil, pad);
    case 2:
      return at::avg_pool2d(x, op.kernel, stride, padding, ceil, pad);
    case 3:
      return at::avg_pool3d(x, op.kernel, stride, padding, ceil, pad);
    default:
      fail_user("a pool has 1 to 3 spatial axes, not {}", x.dim() - 2);
  }
}

}  // namespace

Tensors run(const Pool& op, const Tensors& in, const RunContext&) {
  const int64_t axes = in[0].dim() - 2;
  const auto stride = per_axis(op.stride.empty() ? op.kernel : op.stride, axes, 1);
  const auto padding = per_axis(op.padding, axes, 0);
  return {op.kind == PoolKind::kMax ? max_pool(op, in[0], stride, padding)
                                    : average_pool(op, in[0], stride, padding)};
}

Tensors run(const AdaptivePool& op, const Tensors& in, const RunContext&) {
  const auto& x = in[0];
  const bool max = op.kind == PoolKind::kMax;
  AxisSizes size(op.size.begin(), op.size.end());
  for (size_t i = 0; i < size.size(); ++i) {
    if (size[i] == 0) size[i] = x.size(static_cast<int64_t>(i) + 2);
  }
  switch (x.dim() - 2) {
    case 1:
      return {max ? std::get<0>(at::adaptive_max_pool1d(x, size))
                  : at::adaptive_avg_pool1d(x, size)};
    case 2:
      return {max ? std::get<0>(at::adaptive_max_pool2d(x, size))
                  : at::adaptive_avg_pool2d(x, size)};
    case 3:
      return {max ? std::get<0>(at::adaptive_max_pool3d(x, size))
                  : at::adaptive_avg_pool3d(x, size)};
    default:
      fail_user("an adaptive pool has 1 to 3 spatial axes, not {}", x.dim() - 2);
  }
}

}  // namespace rung::ops
