#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/ops/eager_util.h"
#include "rung/ops/layout/pad_eager.h"

namespace rung::ops {
namespace {

/// Padding as LibTorch's kernels take it, the same at both ends, and what is left of it.
struct SplitPadding {
  AxisSizes both;
  AxisSizes begin;
  AxisSizes end;
  bool rest() const {
    const auto set = [](int64_t n) { return n != 0; };
    return std::any_of(begin.begin(), begin.end(), set) || std::any_of(end.begin(), end.end(), set);
  }
};

SplitPadding split_padding(const Sizes& padding, int64_t axes, bool zeros) {
  AxisSizes begin = per_axis(padding, axes, 0);
  AxisSizes end = begin;
  const auto count = static_cast<size_t>(axes);
  if (begin.size() == 2 * count) {
    end.assign(begin.begin() + axes, begin.end());
    begin.resize(count);
  }
  AxisSizes both(count, 0);
  for (size_t i = 0; i < count && zeros; ++i) {
    both[i] = std::min(begin[i], end[i]);
    begin[i] -= both[i];
    end[i] -= both[i];
  }
  return {.both = both, .begin = begin, .end = end};
}

/// x with these borders on its spatial axes.
at::Tensor pad_space(const at::Tensor& x, const SplitPadding& padding, PadMode mode) {
  AxisSizes begin(2, 0), end(2, 0);
  begin.append(padding.begin.begin(), padding.begin.end());
  end.append(padding.end.begin(), padding.end.end());
  return pad(x, begin, end, mode);
}

}  // namespace

Tensors run(const Conv& op, const Tensors& in, const RunContext&) {
  const int64_t axes = in[0].dim() - 2;
  const auto stride = per_axis(op.stride, axes, 1);
  const auto dilation = per_axis(op.dilation, axes, 1);
  const auto padding = split_padding(op.padding, axes, op.pad_mode == PadMode::kZeros);
  const auto bias = optional_input(in, 2);
  const at::Tensor x = padding.rest() ? pad_space(in[0], padding, op.pad_mode) : in[0];
  switch (axes) {
    case 1:
      return {at::conv1d(x, in[1], bias, stride, padding.both, dilation, op.groups)};
    case 2:
      return {at::conv2d(x, in[1], bias, stride, padding.both, dilation, op.groups)};
    case 3:
      return {at::conv3d(x, in[1], bias, stride, padding.both, dilation, op.groups)};
    default:
      fail_user("a convolution has 1 to 3 spatial axes, not {}", axes);
  }
}

Tensors run(const ConvTranspose& op, const Tensors& in, const RunContext&) {
  const int64_t axes = in[0].dim() - 2;
  const auto stride = per_axis(op.stride, axes, 1);
  const auto dilation = per_axis(op.dilation, axes, 1);
  const auto extra = per_axis(op.output_padding, axes, 0);
  const auto padding = split_padding(op.padding, axes, true);
  const auto bias = optional_input(in, 2);
  const auto convolve = [&] {
    const auto& x = in[0];
    const auto& w = in[1];
    switch (axes) {
      case 1:
        return at::conv_transpose1d(x, w, bias, stride, padding.both, extra, op.groups, dilation);
      case 2:
        return at::conv_transpose2d(x, w, bias, stride, padding.both, extra, op.groups, dilation);
      case 3:
        return at::conv_transpose3d(x, w, bias, stride, padding.both, extra, op.groups, dilation);
      default:
        fail_user("a transposed convolution has 1 to 3 spatial axes, not {}", axes);
    }
  };
  at::Tensor y = convolve();
  if (!padding.rest()) return {y};
  for (int64_t i = 0; i < axes; ++i) {  // padding of a transposed convolution cuts its output
    const auto a = static_cast<size_t>(i);
    const int64_t length = y.size(i + 2) - padding.begin[a] - padding.end[a];
    y = y.narrow(i + 2, padding.begin[a], length);
  }
  return {y};
}

}  // namespace rung::ops
