#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rung/ops/check.h"
#include "rung/ops/fold.h"
#include "rung/ops/pool/pool_windows.h"

namespace rung::ops {
namespace {

using onednn::AxisWindows;

struct AxisPool {
  int64_t kernel, stride, padding, dilation;
};

/// The windows of one axis of `size` elements, cut off at its ends as LibTorch does: the divisor
/// counts padding where asked, but not what ceil_mode adds behind it.
AxisWindows windows_of(const AxisPool& axis, int64_t size, int64_t outputs, bool count_padding) {
  AxisWindows windows{.step = axis.dilation};
  for (int64_t i = 0; i < outputs; ++i) {
    const int64_t first = i * axis.stride - axis.padding;
    const int64_t span = (axis.kernel - 1) * axis.dilation + 1;
    const int64_t end = std::min(first + span, size);
    const int64_t skipped = first < 0 ? (-first + axis.dilation - 1) / axis.dilation : 0;
    const int64_t begin = first + skipped * axis.dilation;
    const int64_t count = std::max<int64_t>(0, (end - begin + axis.dilation - 1) / axis.dilation);
    const int64_t padded = std::min(first + span, size + axis.padding) - first;
    windows.begin.push_back(begin);
    windows.count.push_back(count);
    windows.divisor.push_back(std::max<int64_t>(1, count_padding ? padded : count));
  }
  return windows;
}

std::string_view title(PoolKind kind) { return kind == PoolKind::kMax ? "max" : "average"; }

void add_pool(onednn::LowerCall& call, const std::string& what, PoolKind kind,
              const std::vector<AxisWindows>& windows) {
  const onednn::Form form = call.form(0);
  const auto view = onednn::map_view(call.in_type(0).shape, form.layout);
  const onednn::Ref x = call.in(0);
  onednn::pool(call, what, kind, view, windows, x, call.out(0, form), form.dtype);
}

}  // namespace

void lower(const Pool& op, onednn::LowerCall& call) {
  onednn::need_f32(call, "pools");
  const Shape& x = call.in_type(0).shape;
  const size_t axes = x.size() - 2;
  const Sizes kernel = per_axis(Pool::kName, "kernel", op.kernel, axes, 1, 1);
  const Sizes stride =
      op.stride.empty() ? kernel : per_axis(Pool::kName, "stride", op.stride, axes, 1, 1);
  const Sizes padding = per_axis(Pool::kName, "padding", op.padding, axes, 0, 0);
  const Sizes dilation = per_axis(Pool::kName, "dilation", op.dilation, axes, 1, 1);
  std::vector<AxisWindows> windows;
  for (size_t i = 0; i < axes; ++i) {
    windows.push_back(windows_of({kernel[i], stride[i], padding[i], dilation[i]}, x[i + 2],
                                 call.out_type().shape[i + 2], op.count_include_pad));
  }
  add_pool(call, fmt::format("{} pool {}", title(op.kind), fmt::join(kernel, "x")), op.kind,
           windows);
}

void lower(const AdaptivePool& op, onednn::LowerCall& call) {
  onednn::need_f32(call, "pools");
  const Shape& x = call.in_type(0).shape;
  const Shape& out = call.out_type().shape;
  std::vector<AxisWindows> windows;
  for (size_t i = 2; i < x.size(); ++i) {
    windows.push_back(onednn::adaptive_windows(x[i], out[i]));
  }
  add_pool(call,
           fmt::format("{} pool to {}", title(op.kind), fmt::join(out.begin() + 2, out.end(), "x")),
           op.kind, windows);
}

}  // namespace rung::ops
