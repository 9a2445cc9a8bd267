#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/ops/eager_util.h"
#include "rung/ops/layout/pad_eager.h"

namespace rung::ops {
namespace {

/// Axes as non-negative numbers of a tensor of that rank, ascending.
AxisSizes ascending(const Sizes& axes, int64_t rank) {
  AxisSizes out;
  for (const int64_t axis : axes) {
    out.push_back(static_cast<int64_t>(resolve_axis(axis, static_cast<size_t>(rank))));
  }
  std::sort(out.begin(), out.end());
  return out;
}

at::Tensor pad_zeros(const at::Tensor& x, at::IntArrayRef begin, at::IntArrayRef end,
                     double value) {
  AxisSizes amounts;  // LibTorch starts at the last axis
  for (size_t i = begin.size(); i-- > 0;) {
    amounts.push_back(begin[i]);
    amounts.push_back(end[i]);
  }
  return at::constant_pad_nd(x, amounts, value);
}

at::Tensor pad_circular(at::Tensor x, at::IntArrayRef begin, at::IntArrayRef end) {
  for (size_t i = 0; i < begin.size(); ++i) {
    if (begin[i] == 0 && end[i] == 0) continue;
    const auto axis = static_cast<int64_t>(i);
    const int64_t size = x.size(axis);
    if (begin[i] > size || end[i] > size) {
      fail_user("axis {} has {} elements, too few for circular padding of {} and {}", axis, size,
                begin[i], end[i]);
    }
    x = at::cat({x.narrow(axis, size - begin[i], begin[i]), x, x.narrow(axis, 0, end[i])}, axis);
  }
  return x;
}

/// kReflect and kReplicate: the padded axes become those of a map of one channel.
at::Tensor pad_border(const at::Tensor& x, at::IntArrayRef begin, at::IntArrayRef end,
                      bool reflect) {
  size_t first = 0;
  while (first < begin.size() && begin[first] == 0 && end[first] == 0) ++first;
  const size_t axes = begin.size() - first;
  if (axes == 0) return x;
  if (axes > 3) fail_user("only the last three axes can be padded by reflection or replication");
  AxisSizes map = {1, 1}, result(x.sizes().begin(), x.sizes().end()), amounts;
  for (size_t i = 0; i < begin.size(); ++i) {
    if (i < first) {
      map[0] *= result[i];
    } else {
      map.push_back(result[i]);
    }
    result[i] += begin[i] + end[i];
  }
  for (size_t i = begin.size(); i-- > first;) {
    amounts.push_back(begin[i]);
    amounts.push_back(end[i]);
  }
  // LibTorch has no such kernels for whole numbers; doubles hold them up to 2^53.
  const at::Tensor maps = (x.is_floating_point() ? x : x.to(at::kDouble)).reshape(map);
  return at::pad(maps, amounts, reflect ? "reflect" : "replicate").reshape(result).to(x.dtype());
}

/// Replaces negative amounts by a cut of x.
at::Tensor cut(at::Tensor x, AxisSizes& begin, AxisSizes& end) {
  for (size_t i = 0; i < begin.size(); ++i) {
    const int64_t front = std::max<int64_t>(0, -begin[i]);
    const int64_t back = std::max<int64_t>(0, -end[i]);
    if (front == 0 && back == 0) continue;
    const auto axis = static_cast<int64_t>(i);
    x = x.narrow(axis, front, x.size(axis) - front - back);
    begin[i] += front;
    end[i] += back;
  }
  return x;
}

}  // namespace

at::Tensor pad(const at::Tensor& x, at::IntArrayRef begin, at::IntArrayRef end, PadMode mode,
               double value) {
  if (mode == PadMode::kZeros) return pad_zeros(x, begin, end, value);
  AxisSizes front(begin.begin(), begin.end()), back(end.begin(), end.end());
  const at::Tensor inner = cut(x, front, back);
  if (mode == PadMode::kCircular) return pad_circular(inner, front, back);
  return pad_border(inner, front, back, mode == PadMode::kReflect);
}

Tensors run(const Pad& op, const Tensors& in, const RunContext&) {
  return {pad(in[0], op.begin, op.end, op.mode, op.value)};
}

Tensors run(const Slice& op, const Tensors& in, const RunContext&) {
  return {at::slice(in[0], op.axis, op.begin, op.end, op.step)};
}

Tensors run(const Concat& op, const Tensors& in, const RunContext&) {
  return {at::cat(in, op.axis)};
}

Tensors run(const Split& op, const Tensors& in, const RunContext&) {
  return at::split_with_sizes(in[0], op.sizes, op.axis);
}

Tensors run(const Stack& op, const Tensors& in, const RunContext&) {
  return {at::stack(in, op.axis)};
}

Tensors run(const Reshape& op, const Tensors& in, const RunContext&) {
  AxisSizes shape(op.shape.begin(), op.shape.end());
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) shape[i] = in[0].size(static_cast<int64_t>(i));
  }
  return {at::reshape(in[0], shape)};
}

Tensors run(const Flatten& op, const Tensors& in, const RunContext&) {
  return {at::flatten(in[0], op.first, op.last)};
}

Tensors run(const Transpose& op, const Tensors& in, const RunContext&) {
  return {in[0].permute(op.order)};
}

Tensors run(const Squeeze& op, const Tensors& in, const RunContext&) {
  at::Tensor x = in[0];
  const auto axes = ascending(op.axes, x.dim());
  for (size_t i = axes.size(); i-- > 0;) {
    if (x.size(axes[i]) != 1) {
      fail_user("axis {} has {} elements; only axes of one can be squeezed", axes[i],
                x.size(axes[i]));
    }
    x = x.squeeze(axes[i]);
  }
  return {x};
}

Tensors run(const Unsqueeze& op, const Tensors& in, const RunContext&) {
  at::Tensor x = in[0];
  const auto rank = x.dim() + static_cast<int64_t>(op.axes.size());
  for (const int64_t axis : ascending(op.axes, rank)) x = x.unsqueeze(axis);
  return {x};
}

Tensors run(const Expand& op, const Tensors& in, const RunContext&) {
  return {in[0].expand(op.shape)};
}

}  // namespace rung::ops
