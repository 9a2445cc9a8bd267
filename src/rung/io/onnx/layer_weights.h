#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <unordered_set>

namespace rung::onnx_import {

/// Initialisers and results of Constant nodes (some exporters, PaddlePaddle's, write all weights
/// so) that are weights of layers: what reaches a convolution, product, recurrent layer, norm,
/// PRelu or embedding where it has its weights, or is added to such a layer's result, as it is or
/// arranged otherwise (Reshape, Transpose, …) on the way.
std::unordered_set<std::string> layer_weights(const onnx::GraphProto& graph);

}  // namespace rung::onnx_import
