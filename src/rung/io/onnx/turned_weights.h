#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <unordered_map>

#include "rung/io/onnx/onnx_file.h"

namespace rung::onnx_import {

/// Weights of linear layers, by their names in the file: what PyTorch calls them.
///
/// Both of PyTorch's exporters write a linear layer on more than two axes as a product with its
/// weight turned round, under a name that they make up, and the bias that is added to it. The
/// layer's own weight is the bias's neighbour (mlp.0.bias: mlp.0.weight), or else the module's.
std::unordered_map<std::string, std::string> turned_weights(const onnx::GraphProto& graph);

/// Such a weight as the layer has it. Once for a file, which is followed several times.
Tensor turned(const OnnxFile& file, const onnx::TensorProto& weight);

}  // namespace rung::onnx_import
