#pragma once

#include <optional>

#include "rung/graph/model.h"
#include "rung/io/onnx/onnx_file.h"

namespace rung {

/// The network that rung wrote, with its own names, roles and skips, from the metadata of the file
/// (io/onnx/digest.h) and its initializers. Nothing where rung did not write it, or where another
/// program has changed its nodes since. Throws a user error where the metadata is broken.
std::optional<Model> restore_onnx(const OnnxFile& file);

}  // namespace rung
