#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "rung/graph/rewrite.h"

namespace rung::cli {

/// Numbers by the input that they stand for.
using InputNumbers = std::map<std::string, Tensor, std::less<>>;

/// `load_onnx`, with the report as text; numbers are of any type (OnnxOptions::numbers). Both throw
/// an unsupported error where this rung was built without ONNX.
Model load_onnx_file(const std::filesystem::path& path, const InputShapes& shapes,
                     const InputNumbers& numbers, std::string* report);
/// `save_onnx`; returns lines about what the file holds, for the user.
std::string save_onnx_file(const Model& model, const std::filesystem::path& path,
                           std::optional<int64_t> opset);

}  // namespace rung::cli
