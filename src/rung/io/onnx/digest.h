#pragma once

#include <string>

#include "rung/io/onnx/onnx_file.h"

namespace rung {

/// A number for what the graph of a file computes: its nodes, inputs, outputs, constants, and the
/// names, types and shapes of its weights, but not their numbers, which may be trained elsewhere.
/// `file`: what the graph was read from, without the numbers of large constants.
std::string onnx_digest(const onnx::GraphProto& graph, const OnnxFile* file = nullptr);

/// Keys of a file's metadata with which rung restores a graph of its own.
namespace onnx_metadata {
inline constexpr const char* kGraph = "rung.graph";    ///< io/graph_json.h, and "model": its name
inline constexpr const char* kDigest = "rung.digest";  ///< onnx_digest of the nodes that it fits
/// {"lstm.W_l0": [["lstm.weight_ih_l0", from, to, count], …], …}: initializers that are made of
/// stretches of weights, in elements.
inline constexpr const char* kPacked = "rung.packed";
/// How the names of initializers begin that are constants.
inline constexpr const char* kConstant = "rung_constant_";
}  // namespace onnx_metadata

}  // namespace rung
