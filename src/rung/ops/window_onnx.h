#pragma once

#include "rung/ops/onnx.h"

namespace rung::ops {

/// The window of an ONNX convolution or pool, one number per spatial axis. `auto_pad` is worked out
/// (where it depends on a size that may change, the graph holds at that size only).
struct Window {
  Sizes kernel, stride, dilation, begin, end;
  /// All begins, then all ends; one per axis where they agree.
  Sizes padding() const;
};
Window read_window(OnnxCall& call, const Sizes& kernel);

}  // namespace rung::ops
