#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rung/graph/model.h"

namespace rung {

struct OnnxOptions {
  /// Example sizes of inputs by name (an empty one stands for the only input), where the file
  /// leaves some free. Missing: 1 for a batch, and
  /// for the others the first of a few usual sizes that fits the network.
  std::map<std::string, Shape, std::less<>> shapes = {};
  /// Axis roles of inputs by name (an empty one stands for the only input). Missing: what the
  /// layers that read an input say of it (graph/input_roles.h).
  std::map<std::string, Roles, std::less<>> roles = {};
  /// Inputs that become constants: what the network is asked to do (a shape, a rate, a flag) rather
  /// than what it is given to work on. Their types and shapes are turned into the inputs' own where
  /// nothing is lost.
  std::map<std::string, Tensor, std::less<>> numbers = {};
  /// Reads the nodes of a file that rung wrote, too, instead of its own graph in the metadata.
  bool ignore_metadata = false;
};

/// What became of the nodes of a file, operator by operator.
struct OnnxReport {
  struct Count {
    size_t native = 0;    ///< one op of rung
    size_t composed = 0;  ///< several
    size_t opaque = 0;    ///< an operator of ATen, which runs on LibTorch alone
    size_t folded = 0;    ///< worked out when the file was read
  };
  std::map<std::string, Count> operators;
  bool restored = false;     ///< from the metadata that rung wrote; then there are no counts
  std::string text() const;  ///< a table
};

/// Reads an ONNX file of any opset as a network. Initialisers become weights (whole numbers and
/// single ones constants); names are the exporter's paths, as PyTorch's modules have them:
/// `/layer1/layer1.0/conv1/Conv` is layer1.0.conv1. Sizes that the file leaves free stay free where
/// a graph can follow them; the others are written on the inputs (ops::Input::fixed).
///
/// Throws a user error that names the file, and the node or tensor, for whatever is broken; an
/// unsupported error that lists all operators that rung lacks.
Model load_onnx(const std::filesystem::path& path, const OnnxOptions& options = {},
                OnnxReport* report = nullptr);

}  // namespace rung
