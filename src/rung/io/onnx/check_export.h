#pragma once

#include <memory>
#include <optional>

#include "rung/graph/size_trials.h"
#include "rung/io/onnx/exporter.h"

namespace rung::onnx_export {

/// A size that the file does not follow: its place in Sized::symbols, and the first value that has
/// another shape in the file than in the graph.
struct NotFollowed {
  size_t symbol;
  std::string why;
};

/// Reads the file's nodes at sizes that were not tried when it was written, all at once and, where
/// that goes wrong, one by one, and compares every value's shape with the graph's. Nothing: the
/// same, or no such size fits.
std::optional<NotFollowed> find_not_followed(std::shared_ptr<onnx::ModelProto> file,
                                             const Exported& exported, const Sized& sized);

}  // namespace rung::onnx_export
