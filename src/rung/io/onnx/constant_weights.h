#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <unordered_set>

namespace rung::onnx_import {

/// The results of Constant nodes that are weights, as some exporters (PaddlePaddle's) write all of
/// them: fractions that reach a convolution, product, recurrent layer, norm, PRelu or embedding
/// where it has its weights, or are added to such a layer's result, as they are or arranged
/// otherwise (Reshape, Transpose, …) on the way.
std::unordered_set<std::string> constant_weights(const onnx::GraphProto& graph);

}  // namespace rung::onnx_import
