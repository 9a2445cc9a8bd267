#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <memory>

#include "rung/ops/onnx.h"

namespace rung {

/// An ONNX model as it stands in its file.
struct OnnxFile {
  std::shared_ptr<onnx::ModelProto> proto;
  std::filesystem::path folder;  ///< external data lies within

  /// A tensor of the model, a part of `proto`; large ones view the parsed file, or the mapped
  /// external one. Throws a user error that names it: sizes below 0 or too large, bytes that differ
  /// from what they need, external data outside of the folder or cut short; an unsupported error
  /// for types that rung lacks.
  Tensor tensor(const onnx::TensorProto& proto) const;
  /// Attributes but graphs, which `onnx_graph` returns.
  ops::OnnxAttributes attributes(const onnx::NodeProto& node) const;
};

/// Parses a file. Its bytes are held once. Throws a user error that names it where it is none.
OnnxFile read_onnx(const std::filesystem::path& path);

}  // namespace rung
