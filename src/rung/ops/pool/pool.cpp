#include "rung/ops/pool/pool.h"

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

void check_map(std::string_view op, Types in) {
  check_inputs(op, in, "x", 1);
  check_floating(op, in);
  check_rank(op, "x", in[0], "[N, C, S…]", 3, 5);
  check_not_empty(op, "x", in[0], 1);
}

// One axis of the output; less than 1 where no window fits.
int64_t pooled_size(const Pool& op, int64_t size, int64_t kernel, int64_t stride, int64_t padding,
                    int64_t dilation) {
  const int64_t window = checked_add(checked_mul(dilation, kernel - 1), 1);
  int64_t room = checked_add(checked_add(size, checked_mul(2, padding)), -window);
  if (op.ceil_mode) room = checked_add(room, stride - 1);
  if (room < 0) return 0;
  const int64_t windows = room / stride + 1;
  // The last window must start inside the input or its left padding.
  const bool starts_outside = op.ceil_mode && checked_mul(windows - 1, stride) >= size + padding;
  return starts_outside ? windows - 1 : windows;
}

}  // namespace

std::vector<TensorType> infer(const Pool& op, Types in) {
  check_map(Pool::kName, in);
  const TensorType& x = in[0];
  const size_t axes = x.rank() - 2;
  if (op.kernel.empty()) fail_user("Pool: kernel is missing; give one number per axis");
  const Sizes kernel = per_axis(Pool::kName, "kernel", op.kernel, axes, 1, 1);
  const Sizes stride =
      op.stride.empty() ? kernel : per_axis(Pool::kName, "stride", op.stride, axes, 1, 1);
  const Sizes padding = per_axis(Pool::kName, "padding", op.padding, axes, 0, 0);
  const Sizes dilation = per_axis(Pool::kName, "dilation", op.dilation, axes, 1, 1);
  Shape shape = {x.shape[0], x.shape[1]};
  for (size_t i = 0; i < axes; ++i) {
    if (padding[i] > kernel[i] / 2) {
      fail_user("Pool: padding {} may be at most half of the kernel {}", padding[i], kernel[i]);
    }
    if (op.kind == PoolKind::kAverage && dilation[i] != 1) {
      fail_user("Pool: an average pool has no dilation, {} was given", to_string(op.dilation));
    }
    const int64_t size = x.shape[i + 2];
    const int64_t pooled = pooled_size(op, size, kernel[i], stride[i], padding[i], dilation[i]);
    if (pooled < 1) {
      fail_user(
          "Pool: the kernel {} with dilation {} and padding {} does not fit axis {} of x {}; use a "
          "smaller kernel",
          kernel[i], dilation[i], padding[i], i + 2, to_string(x));
    }
    shape.push_back(pooled);
  }
  return output(Pool::kName, x.dtype, std::move(shape), filled_map_roles(x));
}

std::vector<TensorType> infer(const AdaptivePool& op, Types in) {
  check_map(AdaptivePool::kName, in);
  const TensorType& x = in[0];
  check_count(AdaptivePool::kName, "size", op.size.size(), x.rank() - 2);
  Shape shape = x.shape;
  for (size_t i = 0; i < op.size.size(); ++i) {
    if (op.size[i] < 0) {
      fail_user("AdaptivePool: size {} must not be negative; 0 keeps the input's",
                to_string(op.size));
    }
    if (op.size[i] > 0) shape[i + 2] = op.size[i];
  }
  return output(AdaptivePool::kName, x.dtype, std::move(shape), filled_map_roles(x));
}

int64_t macs(const Pool&, Types, Types) { return 0; }
int64_t macs(const AdaptivePool&, Types, Types) { return 0; }

}  // namespace rung::ops
