#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rung/graph/model.h"

namespace rung {

struct OnnxExportOptions {
  int64_t opset = 17;  ///< 13 to 21
  /// Weights in a file of their own, FILE.data, beside the model; without it only where a model
  /// with its weights would exceed the 2 GiB that a protobuf message may have.
  bool external_data = false;
};

/// What became of a graph when it was written.
struct OnnxExportReport {
  /// Sizes that stayed free, as the file calls them: "x: batch, 3, height, width".
  std::vector<std::string> inputs;
  /// Sizes that the file holds at the example's number though the graph takes others, and why.
  std::vector<std::string> held;
  size_t nodes = 0;  ///< of the file
};

/// Writes a network as an ONNX file for inference: dropout is left out, batch norms use their
/// running statistics, and so on. Sizes that the graph does not fix stay free, under the names
/// batch, height, width and time; what aligns to another tensor at run time does so in the file.
/// The graph, with its names, roles and skips, is kept in the file's metadata, from which
/// `load_onnx` restores it where the file's nodes are still those that were written.
///
/// Written whole or not at all; the same model gives the same bytes. Throws a user error where a
/// weight has no numbers yet (draw_missing); an unsupported error that lists all nodes for which
/// ONNX has nothing at this opset.
OnnxExportReport save_onnx(const Model& model, const std::filesystem::path& path,
                           const OnnxExportOptions& options = {});

}  // namespace rung
