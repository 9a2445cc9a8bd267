#pragma once

#include "rung/ops/onnx.h"

namespace rung::ops {

/// The convolution that the attributes of a node ask for, of x, weight and, where there is one,
/// bias. The sizes of x are those of the node's first input.
Ref conv_of(OnnxCall& call, const std::vector<Ref>& in);

OnnxResult col2im(OnnxCall& call);
OnnxResult deform_conv(OnnxCall& call);

}  // namespace rung::ops
