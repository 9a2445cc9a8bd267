#pragma once

#include "rung/ops/window_onnx.h"

namespace rung::ops {

/// The window of a pool over 1 to 3 axes.
Window pool_window(OnnxCall& call);

/// MaxPool with the places of the maxima, counted through the whole input.
OnnxResult max_pool_with_places(OnnxCall& call);
OnnxResult max_unpool(OnnxCall& call);

}  // namespace rung::ops
