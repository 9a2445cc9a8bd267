#include "rung/ops/window_onnx.h"

#include <algorithm>

#include "rung/base/error.h"

namespace rung::ops {
namespace {

void check_list(const char* name, const Sizes& list, size_t count, int64_t minimum) {
  const bool small = std::any_of(list.begin(), list.end(), [&](int64_t n) { return n < minimum; });
  if (list.size() != count || small) {
    fail_user("attribute {} is {}; {} numbers of {} or more are needed", name, to_string(list),
              count, minimum);
  }
}

/// What SAME adds to an axis: as much as makes ceil(size / stride) windows.
int64_t same_padding(OnnxCall& call, const Dim& size, int64_t kernel, int64_t stride,
                     int64_t dilation) {
  Dim total = size;
  for (auto& n : total.seen) {
    const int64_t windows = (n + stride - 1) / stride;
    n = std::max<int64_t>(0, (windows - 1) * stride + dilation * (kernel - 1) + 1 - n);
  }
  if (total.varies()) call.fix({total});
  return total.value();
}

}  // namespace

Sizes Window::padding() const {
  Sizes out = begin;
  if (begin != end) out.insert(out.end(), end.begin(), end.end());
  return out;
}

Window read_window(OnnxCall& call, const Sizes& kernel) {
  const size_t axes = kernel.size();
  Window out{.kernel = kernel,
             .stride = call.integers("strides", Sizes(axes, 1)),
             .dilation = call.integers("dilations", Sizes(axes, 1)),
             .begin = Sizes(axes, 0),
             .end = Sizes(axes, 0)};
  check_list("kernel_shape", out.kernel, axes, 1);
  check_list("strides", out.stride, axes, 1);
  check_list("dilations", out.dilation, axes, 1);
  const std::string mode = call.text("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode.empty()) {
    const Sizes pads = call.integers("pads", Sizes(2 * axes, 0));
    check_list("pads", pads, 2 * axes, 0);
    std::copy_n(pads.begin(), axes, out.begin.begin());
    std::copy_n(pads.begin() + static_cast<int64_t>(axes), axes, out.end.begin());
  } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const Dims x = call.sizes(0);
    if (x.size() != axes + 2) fail_user("the input has {} axes; {} are needed", x.size(), axes + 2);
    for (size_t i = 0; i < axes; ++i) {
      const int64_t total =
          same_padding(call, x[i + 2], out.kernel[i], out.stride[i], out.dilation[i]);
      out.begin[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      out.end[i] = total - out.begin[i];
    }
  } else if (mode != "VALID") {
    fail_user("attribute auto_pad is '{}'; it is NOTSET, SAME_UPPER, SAME_LOWER or VALID", mode);
  }
  return out;
}

}  // namespace rung::ops
