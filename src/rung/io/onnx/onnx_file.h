#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <map>
#include <memory>

#include "rung/ops/onnx.h"

namespace rung {

class OnnxWeights;

/// An ONNX model as it stands in its file.
struct OnnxFile {
  std::shared_ptr<onnx::ModelProto> proto;  ///< large initializers lack their numbers: see tensor
  std::filesystem::path folder;             ///< external data lies within
  /// The graph's initializers, each read once; null where `proto` holds all numbers.
  std::shared_ptr<OnnxWeights> weights;
  /// Its matrices that were turned round (turned_weights).
  std::shared_ptr<std::map<const onnx::TensorProto*, Tensor>> turned =
      std::make_shared<std::map<const onnx::TensorProto*, Tensor>>();

  /// A tensor of the model, a part of `proto`. Initializers are read from the file when first asked
  /// for, and share memory ever after; external ones view the mapped file. Throws a user error that
  /// names it: sizes below 0 or too large, bytes that differ from what they need, external data
  /// outside of the folder or cut short; an unsupported error for types that rung lacks.
  Tensor tensor(const onnx::TensorProto& proto) const;
  /// Whether `proto` lacks its numbers.
  bool is_cut(const onnx::TensorProto& proto) const;
  /// Attributes but graphs, which `onnx_graph` returns.
  ops::OnnxAttributes attributes(const onnx::NodeProto& node) const;
};

/// Parses a file, all but its large weights. Throws a user error that names it where it is none.
OnnxFile read_onnx(const std::filesystem::path& path);

}  // namespace rung
