#pragma once

#include <onnx/onnx_pb.h>

#include <string>

#include "rung/ops/onnx.h"

namespace rung::onnx_export {

/// A tensor with its bytes.
void fill(onnx::TensorProto& proto, const std::string& name, const Tensor& tensor);
/// An attribute of the type that the value has.
void fill(onnx::AttributeProto& proto, const std::string& name, const ops::OnnxAttribute& value);

}  // namespace rung::onnx_export
