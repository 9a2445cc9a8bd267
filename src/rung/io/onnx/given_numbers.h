#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <string>

#include "rung/tensor/tensor.h"

namespace rung::onnx_import {

using Numbers = std::map<std::string, Tensor, std::less<>>;

/// Numbers that a user gives for inputs, in the types and shapes that the file gives those. Throws
/// a user error where there is no such input, its type cannot hold them, or it has another number
/// of elements.
Numbers numbers_of_inputs(const Numbers& numbers, const onnx::GraphProto& graph);

}  // namespace rung::onnx_import
