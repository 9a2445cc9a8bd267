#pragma once

#include "rung/ops/onnx.h"

namespace rung::ops {

OnnxResult grid_sample(OnnxCall& call);
OnnxResult affine_grid(OnnxCall& call);
OnnxResult roi_align(OnnxCall& call);

}  // namespace rung::ops
